// What the server answered, in the format that was asked for: a message as JSON, or
// what matters of it as rows.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <functional>
#include <string>
#include <vector>

#include "client/cli/format_json.h"
#include "client/cli/format_table.h"
#include "client/cli/invocation.h"

namespace conntrack::cli {

// Prints `message`, or the rows that `fill` adds under these columns.
//
// REQUIRES: the verb has RowFormats().
void PrintAnswer(Invocation& invocation, const google::protobuf::Message& message,
                 const std::vector<Table::Column>& columns,
                 const std::function<void(Table*)>& fill);

// The same of a message that is a list of `elements`, which come one a line in jsonl.
template <typename Element>
void PrintList(Invocation& invocation, const google::protobuf::Message& message,
               const google::protobuf::RepeatedPtrField<Element>& elements,
               const std::vector<Table::Column>& columns, const std::function<void(Table*)>& fill) {
  if (invocation.format() != Format::kJsonLines) {
    PrintAnswer(invocation, message, columns, fill);
    return;
  }
  for (const Element& element : elements) invocation.output().Write(JsonLine(element) + "\n");
}

// Prints one word: `name` is its key in JSON and its column in CSV, and for people it
// stands alone.
void PrintWord(Invocation& invocation, const std::string& name, const std::string& word);

}  // namespace conntrack::cli
