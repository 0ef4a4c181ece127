// Messages as JSON on one line, byte for byte as protobuf's own printer with fields at
// their default, some ten times faster: a listing has millions of lines.
//
// Text that must be escaped is left to protobuf, and so are messages of others but for
// Timestamp and Duration. Thread-safe.
#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace conntrack::cli {

// Appends the message. False, with `*out` as it was, when protobuf must print it: it holds
// a message of others, or a time that is negative or out of range.
bool AppendJson(const google::protobuf::Message& message, std::string* out);

}  // namespace conntrack::cli
