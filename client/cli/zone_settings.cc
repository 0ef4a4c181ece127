#include "client/cli/zone_settings.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/duration.h"

namespace conntrack::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Setting = std::pair<std::string, std::string>;

bool IsDuration(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type() == google::protobuf::Duration::descriptor();
}

void AppendTexts(const Message& message, const std::string& prefix, std::vector<Setting>* texts) {
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    const std::string path = prefix + field.name();
    if (IsDuration(field)) {
      google::protobuf::Duration duration;
      duration.CopyFrom(reflection.GetMessage(message, &field));
      texts->emplace_back(path, DurationText(duration));
      continue;
    }
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        AppendTexts(reflection.GetMessage(message, &field), path + ".", texts);
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        texts->emplace_back(path, reflection.GetBool(message, &field) ? "true" : "false");
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        texts->emplace_back(path, absl::StrCat(reflection.GetUInt32(message, &field)));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        texts->emplace_back(path, absl::StrCat(reflection.GetUInt64(message, &field)));
        break;
      // ZoneSettings has no other types.
      default:
        break;
    }
  }
}

absl::Status SetValue(const Setting& setting, const FieldDescriptor& field, Message* message) {
  // Not a structured binding: clang 14 cannot capture one in a lambda.
  const std::string& path = setting.first;
  const std::string& text = setting.second;
  const auto& reflection = *message->GetReflection();
  const auto malformed = [&](const char* what) {
    return absl::InvalidArgumentError(absl::StrCat(path, " \"", text, "\" is not ", what));
  };
  if (IsDuration(field)) {
    const auto duration = ParseDuration(text);
    if (!duration.ok()) return malformed("a duration such as 10s, 1h30m, 5d or 250ms");
    reflection.MutableMessage(message, &field)->CopyFrom(ToProto(*duration));
    return absl::OkStatus();
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") return malformed("true or false");
      reflection.SetBool(message, &field, text == "true");
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_UINT32: {
      uint32_t number = 0;
      if (!absl::SimpleAtoi(text, &number)) return malformed("a number");
      reflection.SetUInt32(message, &field, number);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      uint64_t number = 0;
      if (!absl::SimpleAtoi(text, &number)) return malformed("a number");
      reflection.SetUInt64(message, &field, number);
      return absl::OkStatus();
    }
    default:
      return absl::InvalidArgumentError(absl::StrCat(path, " is a group; name a setting in it"));
  }
}

absl::Status Unknown(const std::string& path) {
  std::vector<std::string> paths;
  for (const Setting& setting : SettingTexts(v1::ZoneSettings())) paths.push_back(setting.first);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no setting \"", path, "\"; there are ", absl::StrJoin(paths, ", ")));
}

}  // namespace

std::vector<Setting> SettingTexts(const v1::ZoneSettings& settings) {
  std::vector<Setting> texts;
  AppendTexts(settings, "", &texts);
  return texts;
}

absl::Status ApplySetting(const std::string& assignment, v1::UpdateZoneRequest* request) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("\"", assignment, "\" is not NAME=VALUE"));
  }
  const Setting setting(assignment.substr(0, equals), assignment.substr(equals + 1));
  Message* message = request->mutable_settings();
  const std::vector<std::string> names = absl::StrSplit(setting.first, '.');
  for (size_t i = 0; i < names.size(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(names[i]);
    if (field == nullptr) return Unknown(setting.first);
    if (i + 1 == names.size()) {
      absl::Status status = SetValue(setting, *field, message);
      if (status.ok()) request->mutable_update_mask()->add_paths(setting.first);
      return status;
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsDuration(*field)) {
      return Unknown(setting.first);
    }
    message = message->GetReflection()->MutableMessage(message, field);
  }
  return Unknown(setting.first);
}

}  // namespace conntrack::cli
