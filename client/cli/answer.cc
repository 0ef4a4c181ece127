#include "client/cli/answer.h"

#include <google/protobuf/struct.pb.h>

namespace conntrack::cli {

void PrintAnswer(Invocation& invocation, const google::protobuf::Message& message,
                 const std::vector<Table::Column>& columns,
                 const std::function<void(Table*)>& fill) {
  if (invocation.format() == Format::kJson) {
    invocation.output().Write(JsonText(message));
  } else if (invocation.format() == Format::kJsonLines) {
    invocation.output().Write(JsonLine(message) + "\n");
  } else {
    Table table(columns, invocation.table_style());
    fill(&table);
    invocation.output().Write(table.Flush());
  }
}

void PrintWord(Invocation& invocation, const std::string& name, const std::string& word) {
  if (IsTable(invocation.format())) {
    invocation.output().Write(word + "\n");
    return;
  }
  google::protobuf::Struct message;
  (*message.mutable_fields())[name].set_string_value(word);
  PrintAnswer(invocation, message, {{name}}, [&](Table* table) { table->Add({word}); });
}

}  // namespace conntrack::cli
