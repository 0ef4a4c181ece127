// A command line as a tree of plain values, for those that write about it: completion and
// manual pages.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>
#include <vector>

namespace conntrack::manual {

struct OptionEntry {
  // "-o", "--output"; none for an argument.
  std::vector<std::string> names;
  // What stands for its value, "FORMAT"; empty for a switch. The name of an argument.
  std::string value_name;
  // The values that it can have, as far as they can be named.
  std::vector<std::string> values;
  // "1 to 60000", of a number with bounds; empty for none.
  std::string range;
  std::string description;
  // As the program has it; empty for none.
  std::string default_value;
  // The environment variable; empty for none.
  std::string variable;
  // Heading under which the help shows it.
  std::string group;
  bool required = false;
  bool repeated = false;

  bool is_argument() const { return names.empty(); }
  bool takes_value() const { return !value_name.empty(); }
};

struct Command {
  // "list", "zones set"; empty for the program.
  std::string path;
  std::string description;
  // Its own, in the order of the help; arguments are among them.
  std::vector<OptionEntry> options;
  std::vector<Command> commands;
  // The options of the program are understood behind it too.
  bool takes_shared_options = false;
  // What it was made from, while that is there.
  const CLI::App* app = nullptr;

  // The last word of the path.
  std::string name() const { return path.substr(path.rfind(' ') + 1); }
};

// The values that what stands for a value, "PROTOCOL", can have; none when they cannot be named.
using ValuesNamed = std::function<std::vector<std::string>(const std::string& value_name)>;

// The tree below and with `app`, which is the program.
Command TreeOf(const CLI::App& app, const ValuesNamed& values_named = nullptr);

}  // namespace conntrack::manual
