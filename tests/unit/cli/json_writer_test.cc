// Every message of the API, filled at random, as protobuf prints it.
#include "client/cli/json_writer.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <random>

#include "conntrack/v1/admin_service.pb.h"
#include "conntrack/v1/connection_service.pb.h"
#include "conntrack/v1/ingest_service.pb.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string ProtobufsJson(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string text;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return text;
}

// Fills messages with what tends to be special.
class Filler {
 public:
  explicit Filler(uint32_t seed) : random_(seed) {}

  void Fill(Message* message, int depth) {
    const Descriptor& type = *message->GetDescriptor();
    if (type.full_name() == "google.protobuf.Timestamp") return FillTime(message, 253'402'300'799);
    if (type.full_name() == "google.protobuf.Duration") return FillTime(message, 315'576'000'000);
    if (type.file()->package() != "conntrack.v1") return;
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (Below(4) == 0) continue;
      if (!field.is_repeated()) FillField(message, field, depth);
      for (uint32_t n = field.is_repeated() ? Below(3) : 0; n > 0; --n) {
        FillField(message, field, depth);
      }
    }
  }

 private:
  uint32_t Below(uint32_t end) {
    return std::uniform_int_distribution<uint32_t>(0, end - 1)(random_);
  }

  uint64_t Number() {
    const uint64_t numbers[] = {0, 1, 42, UINT32_MAX, uint64_t{1} << 53, UINT64_MAX};
    return numbers[Below(std::size(numbers))];
  }

  std::string Text() {
    const char* const texts[] = {"",      "192.0.2.1",  "2001:db8::1",  "a \"b\" \\ c",
                                 "<tag>", "line\nline", "\x01\x7F",     "é – 漢字 😀",
                                 "a/b",   "tab\t",      "\u2028\u00ad", "plain text"};
    return texts[Below(std::size(texts))];
  }

  void FillTime(Message* time, int64_t most) {
    const int32_t nanos[] = {0, 1, 1'000, 1'000'000, 500'000'000, 999'999'999, 120'000, 7'000'000};
    const int64_t seconds[] = {0, 1, 951'782'400, 1'700'000'000, 4'102'444'799, most};
    const Descriptor& type = *time->GetDescriptor();
    time->GetReflection()->SetInt64(time, type.FindFieldByNumber(1),
                                    seconds[Below(std::size(seconds))]);
    time->GetReflection()->SetInt32(time, type.FindFieldByNumber(2),
                                    nanos[Below(std::size(nanos))]);
  }

  // Sets a field, or adds an element to it.
  void FillField(Message* message, const FieldDescriptor& field, int depth) {
    const auto& to = *message->GetReflection();
    const auto set = [&](auto single, auto element, auto value) {
      if (field.is_repeated()) {
        (to.*element)(message, &field, value);
      } else {
        (to.*single)(message, &field, value);
      }
    };
    using R = google::protobuf::Reflection;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return set(&R::SetBool, &R::AddBool, Below(2) == 1);
      case FieldDescriptor::CPPTYPE_INT32:
        return set(&R::SetInt32, &R::AddInt32, static_cast<int32_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT32:
        return set(&R::SetUInt32, &R::AddUInt32, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_INT64:
        return set(&R::SetInt64, &R::AddInt64, static_cast<int64_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return set(&R::SetUInt64, &R::AddUInt64, Number());
      case FieldDescriptor::CPPTYPE_ENUM:
        // Some without a name.
        return set(&R::SetEnumValue, &R::AddEnumValue, static_cast<int>(Below(300)));
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string text = field.type() == FieldDescriptor::TYPE_BYTES
                                     ? std::string("\x00\xFF\x10text", Below(8))
                                     : Text();
        if (field.is_repeated()) return to.AddString(message, &field, text);
        return to.SetString(message, &field, text);
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth == 0) return;
        Fill(field.is_repeated() ? to.AddMessage(message, &field)
                                 : to.MutableMessage(message, &field),
             depth - 1);
        return;
      default:
        FAIL() << "the API has no field of type " << field.type_name();
    }
  }

  std::mt19937 random_;
};

bool HasFieldMask(const google::protobuf::Descriptor& message) {
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::Descriptor* const type = message.field(i)->message_type();
    if (type != nullptr && type->name() == "FieldMask") return true;
  }
  return false;
}

// Messages of the file, those within others too; how many were compared.
int CompareAll(const google::protobuf::FileDescriptor& file, uint32_t seed) {
  int compared = 0;
  for (int i = 0; i < file.message_type_count(); ++i) {
    const Message* const prototype =
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(file.message_type(i));
    const std::unique_ptr<Message> message(prototype->New());
    Filler(seed).Fill(message.get(), 4);
    std::string ours;
    if (!AppendJson(*message, &ours)) {
      // A FieldMask has a mapping of its own.
      EXPECT_TRUE(HasFieldMask(*file.message_type(i))) << file.message_type(i)->name();
      continue;
    }
    EXPECT_EQ(ours, ProtobufsJson(*message)) << "seed " << seed;
    ++compared;
  }
  return compared;
}

TEST(JsonWriterTest, EveryMessageIsAsProtobufPrintsIt) {
  int compared = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    for (const auto* file :
         {v1::Connection::descriptor()->file(), v1::Event::descriptor()->file(),
          v1::ListConnectionsResponse::descriptor()->file(), v1::Zone::descriptor()->file(),
          v1::IngestRequest::descriptor()->file()}) {
      compared += CompareAll(*file, seed);
    }
    if (HasFailure()) break;
  }
  EXPECT_GT(compared, 300 * 40);
}

TEST(JsonWriterTest, WhatItCannotDoIsLeftAlone) {
  v1::Connection connection;
  connection.mutable_timeout()->set_seconds(-1);
  std::string out = "as it was";
  EXPECT_FALSE(AppendJson(connection, &out));
  EXPECT_EQ(out, "as it was");
}

}  // namespace
}  // namespace conntrack::cli
