// Protobuf messages as JSON, by protobuf's own mapping: 64-bit integers are
// strings, enums are names, instants are RFC 3339. Fields without presence are
// always there, so that a reader need not know the defaults.
#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace conntrack::cli {

// On one line, without its end.
std::string JsonLine(const google::protobuf::Message& message);

// On many lines, with the end of the last.
std::string JsonText(const google::protobuf::Message& message);

}  // namespace conntrack::cli
