#include "docs/manual/command_tree.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace conntrack::manual {
namespace {

// CLI11 tells the values of IsMember in one place only, the name of the type:
// "TEXT:{one,two}".
std::vector<std::string> ListedValues(const std::string& type_name) {
  const size_t begin = type_name.find('{');
  const size_t end = type_name.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return absl::StrSplit(type_name.substr(begin + 1, end - begin - 1), ',');
}

// "N:INT in [1 - 9]" has "1 to 9".
std::string RangeIn(const std::string& type_name) {
  const size_t begin = type_name.find(" in [");
  const size_t end = type_name.rfind(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "";
  return absl::StrReplaceAll(type_name.substr(begin + 5, end - begin - 5), {{" - ", " to "}});
}

// The name without what CLI11 appends of the checks: "N:INT in [1 - 9]".
std::string WithoutChecks(const std::string& type_name) {
  size_t end = type_name.size();
  for (const char* check : {":{", ":INT in ", ":UINT in ", ":FLOAT in "}) {
    end = std::min(end, type_name.find(check));
  }
  return type_name.substr(0, end);
}

OptionEntry EntryOf(const CLI::Option& option, const ValuesNamed& values_named) {
  OptionEntry entry;
  for (const std::string& name : option.get_snames()) entry.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) entry.names.push_back("--" + name);
  if (option.get_positional()) entry.names.clear();
  entry.description = option.get_description();
  entry.default_value = option.get_default_str();
  entry.variable = option.get_envname();
  entry.group = option.get_group();
  entry.required = option.get_required();
  entry.repeated = option.get_items_expected_max() > 1;
  const bool takes_value = option.get_positional() || option.get_items_expected_max() > 0;
  if (!takes_value) return entry;
  const std::string type = option.get_type_name();
  entry.values = ListedValues(type);
  entry.range = RangeIn(type);
  entry.value_name =
      option.get_positional() ? option.get_name(/*positional=*/true) : WithoutChecks(type);
  // What CLI11 calls what has no name.
  const bool unnamed =
      entry.value_name.empty() || entry.value_name == "TEXT" || entry.value_name.front() == '{';
  if (unnamed && !option.get_positional()) entry.value_name = "NAME";
  if (entry.values.empty() && values_named) entry.values = values_named(entry.value_name);
  return entry;
}

Command CommandOf(const CLI::App& app, const std::string& path, const ValuesNamed& values_named) {
  Command command;
  command.path = path;
  command.description = app.get_description();
  command.takes_shared_options = app.get_fallthrough();
  command.app = &app;
  for (const CLI::Option* option : app.get_options()) {
    // An empty group hides it from the help.
    if (!option->get_group().empty()) {
      command.options.push_back(EntryOf(*option, values_named));
    }
  }
  for (const CLI::App* verb :
       app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); })) {
    command.commands.push_back(CommandOf(
        *verb, absl::StrCat(path, path.empty() ? "" : " ", verb->get_name()), values_named));
  }
  return command;
}

}  // namespace

Command TreeOf(const CLI::App& app, const ValuesNamed& values_named) {
  return CommandOf(app, "", values_named);
}

}  // namespace conntrack::manual
