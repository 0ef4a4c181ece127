#include "client/cli/completion_scripts.h"

#include <functional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace conntrack::cli {
namespace {

// In the place of values: names of files.
constexpr char kFiles[] = "<file>";

// A word of a shell, in single quotation marks.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

bool IsFile(const manual::OptionEntry& option) {
  return absl::StrContains(option.value_name, "FILE");
}

std::string ValueWords(const manual::OptionEntry& option) {
  return IsFile(option) ? kFiles : absl::StrJoin(option.values, " ");
}

// The first line alone.
std::string Brief(const manual::OptionEntry& option) {
  return option.description.substr(0, option.description.find('\n'));
}

// Calls `visit` for each command of the tree with all options that count for it: its own,
// and of a verb those of the program.
using Visit = std::function<void(const manual::Command&, const std::vector<manual::OptionEntry>&)>;
void ForEach(const manual::Command& command, const std::vector<manual::OptionEntry>& of_all,
             const Visit& visit) {
  std::vector<manual::OptionEntry> options = command.options;
  for (const manual::OptionEntry& option : of_all) {
    // The help and the version are each command's own business.
    if (command.takes_shared_options && !option.variable.empty()) options.push_back(option);
  }
  visit(command, options);
  for (const manual::Command& verb : command.commands) {
    ForEach(verb, of_all.empty() ? command.options : of_all, visit);
  }
}

std::string Names(const std::vector<manual::Command>& commands) {
  return absl::StrJoin(commands, " ", [](std::string* out, const manual::Command& command) {
    out->append(command.name());
  });
}

// A line of the script's table.
std::string BashCase(const std::string& question, const std::string& words) {
  if (words.empty()) return "";
  return absl::StrCat("    ", Quoted(question), ") echo ", Quoted(words), " ;;\n");
}

std::string BashTable(const manual::Command& command,
                      const std::vector<manual::OptionEntry>& options) {
  std::vector<std::string> names;
  std::vector<std::string> valued;
  std::string values;
  std::string arguments;
  for (const manual::OptionEntry& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
    if (!option.takes_value()) continue;
    if (option.is_argument()) {
      absl::StrAppend(&arguments, arguments.empty() ? "" : " ", ValueWords(option));
      continue;
    }
    for (const std::string& name : option.names) {
      valued.push_back(name);
      values += BashCase(absl::StrCat(command.path, " ", name), ValueWords(option));
    }
  }
  return absl::StrCat(BashCase("commands " + command.path, Names(command.commands)),
                      BashCase("options " + command.path, absl::StrJoin(names, " ")),
                      BashCase("valued " + command.path, absl::StrJoin(valued, " ")),
                      BashCase("arguments " + command.path, arguments), values);
}

constexpr char kBashHead[] = R"sh(# bash completion of PROGRAM; made by: PROGRAM completion bash

# What can stand at a place: `commands VERB`, `options VERB`, the options that take a
# value, `arguments VERB`, and `VERB OPTION` for the values of an option.
_PROGRAM_words() {
  case $1 in
)sh";

constexpr char kBashTail[] = R"sh(  esac
}

_PROGRAM() {
  local verb='' option='' word words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -n $option ]]; then
      # --output=json comes as three words.
      [[ $word == '=' ]] || option=''
    elif [[ $word == -* ]]; then
      [[ " $(_PROGRAM_words "valued $verb") " == *" $word "* ]] && option=$word
    elif [[ " $(_PROGRAM_words "commands $verb") " == *" $word "* ]]; then
      verb+=${verb:+ }$word
    fi
  done
  local current=${COMP_WORDS[COMP_CWORD]}
  [[ $current == '=' ]] && current=''
  if [[ -n $option ]]; then
    words=$(_PROGRAM_words "$verb $option")
  elif [[ $current == -* ]]; then
    words=$(_PROGRAM_words "options $verb")
  else
    words="$(_PROGRAM_words "commands $verb") $(_PROGRAM_words "arguments $verb")"
  fi
  if [[ $words == *'<file>'* ]]; then
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}

complete -F _PROGRAM PROGRAM
)sh";

std::string ForProgram(const std::string& text, const std::string& program) {
  return absl::StrReplaceAll(text, {{"PROGRAM", program}});
}

// What may follow an option or stand for an argument, in the words of _arguments.
std::string ZshAction(const manual::OptionEntry& option) {
  if (IsFile(option)) return "_files";
  // Something, of which nothing is known.
  if (option.values.empty()) return " ";
  return absl::StrCat("(", absl::StrJoin(option.values, " "), ")");
}

std::string ZshText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
}

std::string ZshSpecs(const std::vector<manual::OptionEntry>& options) {
  std::string specs;
  for (const manual::OptionEntry& option : options) {
    const std::string value = absl::StrCat(":", ZshText(option.value_name), ":", ZshAction(option));
    if (option.is_argument()) {
      const std::string place = option.repeated ? "*" : option.required ? "" : ":";
      absl::StrAppend(&specs, " \\\n    ", Quoted(place + value));
      continue;
    }
    for (const std::string& name : option.names) {
      // "=": the value may stand behind an equals sign.
      const std::string sign = !option.takes_value()          ? ""
                               : absl::StartsWith(name, "--") ? "="
                                                              : "+";
      absl::StrAppend(
          &specs, " \\\n    ",
          Quoted(absl::StrCat("(", absl::StrJoin(option.names, " "), ")", name, sign, "[",
                              ZshText(Brief(option)), "]", option.takes_value() ? value : "")));
    }
  }
  return specs;
}

std::string FunctionName(const std::string& program, const std::string& path) {
  std::string name = absl::StrCat("_", program);
  if (!path.empty()) absl::StrAppend(&name, "_", absl::StrReplaceAll(path, {{" ", "_"}}));
  return name;
}

std::string ZshFunction(const std::string& program, const manual::Command& command,
                        const std::vector<manual::OptionEntry>& options) {
  std::string text = absl::StrCat(FunctionName(program, command.path), "() {\n");
  if (command.commands.empty()) {
    return absl::StrCat(text, "  _arguments -s", ZshSpecs(options), "\n}\n\n");
  }
  absl::StrAppend(&text, "  local context state state_descr line\n  typeset -A opt_args\n",
                  "  _arguments -s -C", ZshSpecs(options), " \\\n    '1: :->verb' \\\n",
                  "    '*:: :->rest'\n  case $state in\n    verb)\n      local -a verbs=(\n");
  for (const manual::Command& verb : command.commands) {
    absl::StrAppend(&text, "        ",
                    Quoted(absl::StrCat(verb.name(), ":", ZshText(verb.description))), "\n");
  }
  absl::StrAppend(&text, "      )\n      _describe verb verbs\n      ;;\n    rest)\n",
                  "      case $line[1] in\n");
  for (const manual::Command& verb : command.commands) {
    absl::StrAppend(&text, "        ", verb.name(), ") ", FunctionName(program, verb.path),
                    " ;;\n");
  }
  return absl::StrCat(text, "      esac\n      ;;\n  esac\n}\n\n");
}

constexpr char kFishHead[] = R"sh(# Made by: PROGRAM completion fish

# Whether the words before the cursor name this verb, '' for none.
function __PROGRAM_at
    set -l verb
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case VALUED
                set skip 1
            case '-*'
            case '*'
                contains -- $word VERBS; and set -a verb $word
        end
    end
    test "$verb" = "$argv"
end

complete -c PROGRAM -f
)sh";

// The head, which knows the options that take a value and the verbs.
std::string FishHead(const std::string& program, const manual::Command& tree) {
  std::set<std::string> valued;
  std::set<std::string> verbs;
  ForEach(tree, {},
          [&](const manual::Command& command, const std::vector<manual::OptionEntry>& options) {
            if (!command.path.empty()) verbs.insert(command.name());
            for (const manual::OptionEntry& option : options) {
              if (option.takes_value()) valued.insert(option.names.begin(), option.names.end());
            }
          });
  return absl::StrReplaceAll(kFishHead, {{"PROGRAM", program},
                                         {"VALUED", absl::StrJoin(valued, " ")},
                                         {"VERBS", absl::StrJoin(verbs, " ")}});
}

std::string FishValues(const manual::OptionEntry& option) {
  // -r: a value has to follow; -f: which is no file.
  if (IsFile(option)) return " -r -F";
  if (option.values.empty()) return " -x";
  return absl::StrCat(" -x -a ", Quoted(absl::StrJoin(option.values, " ")));
}

std::string FishLines(const std::string& program, const manual::Command& command,
                      const std::vector<manual::OptionEntry>& options) {
  const std::string begin =
      absl::StrCat("complete -c ", program, " -n \"__", program, "_at '", command.path, "'\"");
  std::string text;
  for (const manual::Command& verb : command.commands) {
    absl::StrAppend(&text, begin, " -f -a ", verb.name(), " -d ", Quoted(verb.description), "\n");
  }
  for (const manual::OptionEntry& option : options) {
    if (option.is_argument()) {
      if (IsFile(option)) {
        absl::StrAppend(&text, begin, " -F\n");
      } else if (!option.values.empty()) {
        absl::StrAppend(&text, begin, " -f -a ", Quoted(absl::StrJoin(option.values, " ")), "\n");
      }
      continue;
    }
    absl::StrAppend(&text, begin);
    for (const std::string& name : option.names) {
      const bool is_long = absl::StartsWith(name, "--");
      absl::StrAppend(&text, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
    }
    absl::StrAppend(&text, option.takes_value() ? FishValues(option) : "", " -d ",
                    Quoted(Brief(option)), "\n");
  }
  return text;
}

}  // namespace

std::string BashCompletion(const std::string& program, const manual::Command& tree) {
  std::string text = ForProgram(kBashHead, program);
  ForEach(tree, {},
          [&text](const manual::Command& command, const std::vector<manual::OptionEntry>& options) {
            text += BashTable(command, options);
          });
  return text + ForProgram(kBashTail, program);
}

std::string ZshCompletion(const std::string& program, const manual::Command& tree) {
  std::string text =
      absl::StrCat("#compdef ", program, "\n# Made by: ", program, " completion zsh\n\n");
  ForEach(tree, {},
          [&](const manual::Command& command, const std::vector<manual::OptionEntry>& options) {
            text += ZshFunction(program, command, options);
          });
  // Loaded by name it is run at once; read from a profile it says what it is for.
  return absl::StrCat(text, "if [[ $funcstack[1] == _", program, " ]]; then\n  _", program,
                      " \"$@\"\nelse\n  compdef _", program, " ", program, "\nfi\n");
}

std::string FishCompletion(const std::string& program, const manual::Command& tree) {
  std::string text = FishHead(program, tree);
  ForEach(tree, {},
          [&](const manual::Command& command, const std::vector<manual::OptionEntry>& options) {
            text += FishLines(program, command, options);
          });
  return text;
}

}  // namespace conntrack::cli
