#include "client/cli/json_writer.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace conntrack::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Duration;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;

// The years 1 to 9999, as RFC 3339 has them, in seconds since 1970.
constexpr int64_t kTimeMin = -62'135'596'800;
constexpr int64_t kTimeMax = 253'402'300'799;
constexpr int64_t kDurationMax = 315'576'000'000;
constexpr int32_t kNanosMax = 999'999'999;

void AppendDigits(int64_t value, int digits, std::string* out) {
  const size_t end = out->size() + static_cast<size_t>(digits);
  out->resize(end);
  for (size_t at = end; digits > 0; --digits, value /= 10) {
    (*out)[--at] = static_cast<char>('0' + value % 10);
  }
}

// None, three, six or nine digits, as many as it takes.
void AppendFraction(int32_t nanos, std::string* out) {
  if (nanos == 0) return;
  *out += '.';
  if (nanos % 1'000'000 == 0) return AppendDigits(nanos / 1'000'000, 3, out);
  if (nanos % 1'000 == 0) return AppendDigits(nanos / 1'000, 6, out);
  AppendDigits(nanos, 9, out);
}

bool AppendTimestamp(const Timestamp& time, std::string* out) {
  if (time.seconds() < kTimeMin || time.seconds() > kTimeMax || time.nanos() < 0 ||
      time.nanos() > kNanosMax) {
    return false;
  }
  const std::chrono::sys_seconds at{std::chrono::seconds(time.seconds())};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(at - day);
  *out += '"';
  AppendDigits(int{date.year()}, 4, out);
  *out += '-';
  AppendDigits(unsigned{date.month()}, 2, out);
  *out += '-';
  AppendDigits(unsigned{date.day()}, 2, out);
  *out += 'T';
  AppendDigits(clock.hours().count(), 2, out);
  *out += ':';
  AppendDigits(clock.minutes().count(), 2, out);
  *out += ':';
  AppendDigits(clock.seconds().count(), 2, out);
  AppendFraction(time.nanos(), out);
  *out += "Z\"";
  return true;
}

bool AppendDuration(const Duration& duration, std::string* out) {
  if (duration.seconds() < 0 || duration.seconds() > kDurationMax || duration.nanos() < 0 ||
      duration.nanos() > kNanosMax) {
    return false;
  }
  absl::StrAppend(out, "\"", duration.seconds());
  AppendFraction(duration.nanos(), out);
  *out += "s\"";
  return true;
}

void AppendText(const std::string& text, std::string* out) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= ' ' && c < 0x7F && c != '"' && c != '\\' && c != '<' && c != '>';
  });
  if (plain) {
    absl::StrAppend(out, "\"", text, "\"");
    return;
  }
  google::protobuf::StringValue value;
  value.set_value(text);
  std::string escaped;
  const auto status = google::protobuf::util::MessageToJsonString(value, &escaped);
  // Text can always be printed.
  if (!status.ok()) escaped = "\"\"";
  *out += escaped;
}

bool IsOf(const Message& message, const Descriptor* type) {
  return message.GetDescriptor() == type;
}

// How the messages of a type are written, found out once.
struct Plan {
  struct Field {
    const FieldDescriptor* field;
    // In front of the value: "\"name\":".
    std::string key;
    // Of the messages that the field holds.
    const Plan* plan = nullptr;
  };
  // False: protobuf prints them in a way of their own.
  bool has_fields = false;
  std::vector<Field> fields;
};

// Keeps plans for ever. Thread-safe.
class Plans {
 public:
  const Plan& Of(const Descriptor& type) {
    std::lock_guard lock(mutex_);
    return Make(type);
  }

 private:
  // REQUIRES: mutex_ is held.
  const Plan& Make(const Descriptor& type) {
    const auto [entry, is_new] = plans_.try_emplace(&type);
    Plan& plan = entry->second;
    if (!is_new) return plan;
    plan.has_fields = type.file()->package() == "conntrack.v1";
    if (!plan.has_fields) return plan;
    // protobuf puts what may be absent behind the rest, as on the wire, but for messages
    // with fields.
    std::vector<const FieldDescriptor*> fields;
    fields.reserve(static_cast<size_t>(type.field_count()));
    for (int i = 0; i < type.field_count(); ++i) fields.push_back(type.field(i));
    const auto rank = [](const FieldDescriptor* field) {
      const Descriptor* const held = field->is_repeated() ? nullptr : field->message_type();
      const bool may_be_absent =
          field->containing_oneof() != nullptr ||
          (held != nullptr && (held == Timestamp::descriptor() || held == Duration::descriptor()));
      return std::pair(may_be_absent, may_be_absent ? field->number() : field->index());
    };
    std::sort(fields.begin(), fields.end(),
              [&](const auto* one, const auto* other) { return rank(one) < rank(other); });
    for (const FieldDescriptor* const field : fields) {
      const Descriptor* const held = field->message_type();
      plan.fields.push_back({field, absl::StrCat("\"", field->json_name(), "\":"),
                             held == nullptr ? nullptr : &Make(*held)});
    }
    return plan;
  }

  std::mutex mutex_;
  // A map, whose values stay where they are.
  std::map<const Descriptor*, Plan> plans_;
};

void AppendEnum(const FieldDescriptor& field, int number, std::string* out) {
  const EnumValueDescriptor* const value = field.enum_type()->FindValueByNumber(number);
  if (value == nullptr) {
    absl::StrAppend(out, number);
  } else {
    absl::StrAppend(out, "\"", value->name(), "\"");
  }
}

bool AppendMessage(const Plan& plan, const Message& message, std::string* out);

// One value of a field: with `index`, an element of a repeated one.
template <typename... Index>
bool AppendValue(const Plan::Field& plan, const Message& message, std::string* out,
                 Index... index) {
  const FieldDescriptor* const field = plan.field;
  const Reflection& from = *message.GetReflection();
  constexpr bool kElement = sizeof...(Index) > 0;
  // Reflection names what it does with elements otherwise.
  const auto get = [&](auto single, auto element) {
    if constexpr (kElement) {
      return (from.*element)(message, field, index...);
    } else {
      return (from.*single)(message, field);
    }
  };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      *out += get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
      return true;
    case FieldDescriptor::CPPTYPE_INT32:
      absl::StrAppend(out, get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
      return true;
    case FieldDescriptor::CPPTYPE_UINT32:
      absl::StrAppend(out, get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
      return true;
    case FieldDescriptor::CPPTYPE_INT64:
      absl::StrAppend(out, "\"", get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64), "\"");
      return true;
    case FieldDescriptor::CPPTYPE_UINT64:
      absl::StrAppend(out, "\"", get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64), "\"");
      return true;
    case FieldDescriptor::CPPTYPE_ENUM:
      AppendEnum(*field, get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue), out);
      return true;
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string* text = nullptr;
      if constexpr (kElement) {
        text = &from.GetRepeatedStringReference(message, field, index..., &scratch);
      } else {
        text = &from.GetStringReference(message, field, &scratch);
      }
      if (field->type() == FieldDescriptor::TYPE_BYTES) {
        absl::StrAppend(out, "\"", absl::Base64Escape(*text), "\"");
      } else {
        AppendText(*text, out);
      }
      return true;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if constexpr (kElement) {
        return AppendMessage(*plan.plan, from.GetRepeatedMessage(message, field, index...), out);
      } else {
        return AppendMessage(*plan.plan, from.GetMessage(message, field), out);
      }
    // The API has no fractions.
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return false;
  }
  return false;
}

bool AppendElements(const Plan::Field& plan, const Message& message, std::string* out) {
  *out += '[';
  const int size = message.GetReflection()->FieldSize(message, plan.field);
  for (int i = 0; i < size; ++i) {
    if (i > 0) *out += ',';
    if (!AppendValue(plan, message, out, i)) return false;
  }
  *out += ']';
  return true;
}

bool AppendMessage(const Plan& plan, const Message& message, std::string* out) {
  if (IsOf(message, Timestamp::descriptor())) {
    return AppendTimestamp(static_cast<const Timestamp&>(message), out);
  }
  if (IsOf(message, Duration::descriptor())) {
    return AppendDuration(static_cast<const Duration&>(message), out);
  }
  if (!plan.has_fields) return false;
  const Reflection& from = *message.GetReflection();
  *out += '{';
  bool first = true;
  for (const Plan::Field& field : plan.fields) {
    // What tells "absent" from its default is left out.
    if (field.field->has_presence() && !from.HasField(message, field.field)) continue;
    if (!first) *out += ',';
    first = false;
    *out += field.key;
    const bool written = field.field->is_repeated() ? AppendElements(field, message, out)
                                                    : AppendValue(field, message, out);
    if (!written) return false;
  }
  *out += '}';
  return true;
}

}  // namespace

bool AppendJson(const Message& message, std::string* out) {
  static auto* const plans = new Plans();
  const size_t begin = out->size();
  if (AppendMessage(plans->Of(*message.GetDescriptor()), message, out)) return true;
  out->resize(begin);
  return false;
}

}  // namespace conntrack::cli
