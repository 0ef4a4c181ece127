#include "client/cli/format_json.h"

#include <google/protobuf/util/json_util.h>

#include "client/cli/json_writer.h"

namespace conntrack::cli {
namespace {

std::string Json(const google::protobuf::Message& message, bool lines) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = lines;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  // Only a timestamp or duration out of range cannot be printed. One bad value
  // must not hide the rest of an answer.
  if (!status.ok()) text = "{\"unprintable\":\"" + message.GetTypeName() + "\"}";
  return text;
}

}  // namespace

std::string JsonLine(const google::protobuf::Message& message) {
  std::string line;
  return AppendJson(message, &line) ? line : Json(message, false);
}

std::string JsonText(const google::protobuf::Message& message) {
  std::string text = Json(message, true);
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

}  // namespace conntrack::cli
