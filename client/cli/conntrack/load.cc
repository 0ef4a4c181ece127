#include <fstream>
#include <iostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/tell.h"
#include "client/cli/conntrack/usage.h"

namespace conntrack::cli {

int RunLoad(Invocation& invocation, const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file);
    if (!opened) {
      return TellUsage(
          absl::InvalidArgumentError(absl::StrCat("Failed to open file ", file, " for reading")));
    }
  }
  std::istream& lines = file == "-" ? std::cin : opened;
  // All are read before the first is run, so that a mistake changes nothing.
  std::vector<ConntrackOptions> commands;
  uint64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.empty() || words[0][0] == '#') continue;
    auto options = ParseConntrackOptions(words);
    if (options.ok() && options->command == Command::kLoad) {
      options = absl::InvalidArgumentError("a file cannot load another");
    }
    if (!options.ok()) {
      return TellUsage(absl::Status(
          options.status().code(),
          absl::StrCat(options.status().message(), " (", file, ", line ", number, ")")));
    }
    options->quiet = true;
    commands.push_back(*std::move(options));
  }
  for (const ConntrackOptions& command : commands) {
    if (const int code = RunConntrack(invocation, command); code != 0) return code;
  }
  return 0;
}

}  // namespace conntrack::cli
