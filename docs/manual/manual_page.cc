#include "docs/manual/manual_page.h"

#include <cstdio>
#include <fstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace conntrack::manual {
namespace {

// Text that roff prints as it is. A hyphen stays one that can be typed.
std::string Roff(const std::string& text) {
  std::string escaped =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"…", "..."}, {"\n", " "}});
  if (!escaped.empty() && (escaped[0] == '.' || escaped[0] == '\'')) escaped.insert(0, "\\&");
  return escaped;
}

std::string Bold(const std::string& text) { return absl::StrCat("\\fB", Roff(text), "\\fR"); }
// "conntrackctl(1)" with its name in bold.
std::string PageReference(const std::string& reference) {
  const size_t section = reference.rfind('(');
  return Bold(reference.substr(0, section)) + reference.substr(section);
}
std::string Italic(const std::string& text) { return absl::StrCat("\\fI", Roff(text), "\\fR"); }

std::string Section(const std::string& name) { return absl::StrCat(".SH ", name, "\n"); }

std::string Sentence(const std::string& text) {
  return absl::EndsWith(text, ".") ? Roff(text) : Roff(text) + ".";
}

// Lines that stay as they are.
std::string Literal(const std::string& lines) {
  std::string text = ".EX\n";
  for (const absl::string_view line : absl::StrSplit(lines, '\n')) {
    absl::StrAppend(&text, Roff(std::string(line)), "\n");
  }
  return text + ".EE\n";
}

// Paragraphs with an empty line between them; those with a line that begins with a space
// are kept as they are.
std::string Paragraphs(const std::string& notes) {
  std::string text;
  if (notes.empty()) return text;
  const std::vector<std::string> paragraphs = absl::StrSplit(notes, "\n\n");
  for (const std::string& paragraph : paragraphs) {
    const bool literal = paragraph[0] == ' ' || absl::StrContains(paragraph, "\n ");
    absl::StrAppend(&text, ".PP\n", literal ? Literal(paragraph) : Roff(paragraph) + "\n");
  }
  return text;
}

std::string Argument(const OptionEntry& option) {
  const std::string text = absl::StrCat(Italic(option.value_name), option.repeated ? " ..." : "");
  return option.required ? text : absl::StrCat("[", text, "]");
}

// The options of a command under their headings, in the order of the help.
std::string Options(const std::vector<OptionEntry>& options) {
  std::string text;
  std::string group = "Options";
  for (const OptionEntry& option : options) {
    // The synopsis has shown where arguments stand.
    if (option.group != group && !option.is_argument()) {
      group = option.group;
      absl::StrAppend(&text, ".SS \"", Roff(group), "\"\n");
    }
    text += ".TP\n";
    if (option.is_argument()) {
      absl::StrAppend(&text, Italic(option.value_name), "\n");
    } else {
      const std::string value =
          option.takes_value() ? absl::StrCat(" ", Italic(option.value_name)) : "";
      absl::StrAppend(&text,
                      absl::StrJoin(option.names, ", ",
                                    [&value](std::string* out, const std::string& name) {
                                      absl::StrAppend(out, Bold(name), value);
                                    }),
                      "\n");
    }
    absl::StrAppend(&text, Sentence(option.description), "\n");
    if (!option.values.empty()) {
      absl::StrAppend(&text, "One of ", Roff(absl::StrJoin(option.values, ", ")), ".\n");
    }
    if (!option.range.empty()) absl::StrAppend(&text, "From ", Roff(option.range), ".\n");
    if (!option.default_value.empty()) {
      absl::StrAppend(&text, "The default is ", Roff(option.default_value), ".\n");
    }
  }
  return text;
}

std::string Commands(const PageFrame& frame, const Command& command) {
  std::string text;
  for (const Command& verb : command.commands) {
    absl::StrAppend(&text, ".TP\n", Bold(verb.name()), "\n", Sentence(verb.description), " See ",
                    Bold(PageName(frame, verb)), "(", frame.section, ").\n");
  }
  return text;
}

std::string Environment(const std::vector<OptionEntry>& options) {
  std::string text;
  for (const OptionEntry& option : options) {
    if (option.variable.empty()) continue;
    absl::StrAppend(&text, ".TP\n", Bold(option.variable), "\nAs ", Bold(option.names.back()),
                    ".\n");
  }
  return text;
}

std::string Examples(const std::vector<Example>& examples) {
  std::string text;
  for (const Example& example : examples) {
    // A section begins with a paragraph anyway.
    if (!text.empty()) text += ".PP\n";
    std::string comment = example.comment;
    comment[0] = absl::ascii_toupper(static_cast<unsigned char>(comment[0]));
    text += Roff(comment);
    if (example.exit_code != 0) absl::StrAppend(&text, "; exits with ", example.exit_code);
    if (example.until_interrupted) text += ", until interrupted";
    text += ":\n.PP\n.RS 4\n";
    if (example.exit_code != 0) absl::StrAppend(&text, ".\\\" exit ", example.exit_code, "\n");
    if (example.until_interrupted) text += ".\\\" until interrupted\n";
    absl::StrAppend(&text, Literal(example.command), ".RE\n");
  }
  return text;
}

std::string Synopsis(const PageFrame& frame, const Command& command) {
  if (!frame.synopsis.empty()) return Italic(frame.synopsis) + "\n";
  std::string text =
      Bold(absl::StrCat(frame.program, command.path.empty() ? "" : " ", command.path));
  text += " [" + Italic("OPTION") + " ...]";
  for (const OptionEntry& option : command.options) {
    if (option.is_argument()) absl::StrAppend(&text, " ", Argument(option));
  }
  if (!command.commands.empty() && command.path.empty())
    text += " " + Italic("COMMAND") + " [" + Italic("ARGUMENT") + " ...]";
  return text + "\n";
}

std::string SeeAlso(const PageFrame& frame, const Command& tree, const Command& command) {
  std::vector<std::string> pages;
  const std::string section = absl::StrCat("(", frame.section, ")");
  if (!command.path.empty()) pages.push_back(Bold(frame.program) + section);
  const Command& siblings = command.path.empty() ? command : tree;
  for (const Command& verb : siblings.commands) {
    if (verb.path != command.path) pages.push_back(Bold(PageName(frame, verb)) + section);
  }
  for (const std::string& page : frame.related) pages.push_back(PageReference(page));
  return absl::StrJoin(pages, ",\n") + "\n";
}

// The page with lines that can be read: filled text is broken where it is long. A line may
// not begin with what would be a request of roff.
std::string Wrapped(const std::string& page) {
  constexpr size_t kWidth = 79;
  std::string wrapped;
  bool literal = false;
  for (const absl::string_view each : absl::StrSplit(page, '\n')) {
    std::string line(each);
    if (line == ".EX") literal = true;
    if (line == ".EE") literal = false;
    while (!literal && line.size() > kWidth && line[0] != '.') {
      size_t space = line.rfind(' ', kWidth);
      while (space != std::string::npos && (line[space + 1] == '.' || line[space + 1] == '\'')) {
        space = space == 0 ? std::string::npos : line.rfind(' ', space - 1);
      }
      if (space == std::string::npos) break;
      absl::StrAppend(&wrapped, line.substr(0, space), "\n");
      line.erase(0, space + 1);
    }
    absl::StrAppend(&wrapped, line, "\n");
  }
  // The last line break ended a line and began none.
  wrapped.pop_back();
  return wrapped;
}

// A section, or nothing when there is nothing to say.
void AppendSection(const std::string& name, const std::string& body, std::string* page) {
  if (!body.empty()) absl::StrAppend(page, Section(name), body);
}

}  // namespace

std::string PageName(const PageFrame& frame, const Command& command) {
  if (command.path.empty()) return frame.program;
  return absl::StrCat(frame.program, "-", absl::StrReplaceAll(command.path, {{" ", "-"}}));
}

std::string ManualPage(const PageFrame& frame, const Command& tree, const Command& command,
                       const Manual& manual) {
  const std::string name = PageName(frame, command);
  std::string page = absl::StrCat(".\\\" Made from the command line of ", frame.program,
                                  ": change it there.\n.TH \"", Roff(absl::AsciiStrToUpper(name)),
                                  "\" ", frame.section, " \"", frame.date,
                                  "\" \"Conntrack Service ", frame.version, "\"\n");
  // Its first sentence, a phrase.
  std::string brief = absl::StrReplaceAll(command.description, {{"\n", " "}});
  brief = brief.substr(0, brief.find(". "));
  if (absl::EndsWith(brief, ".")) brief.pop_back();
  brief[0] = absl::ascii_tolower(static_cast<unsigned char>(brief[0]));
  AppendSection("NAME", absl::StrCat(Roff(name), " \\- ", Roff(brief), "\n"), &page);
  AppendSection("SYNOPSIS", Synopsis(frame, command), &page);
  std::string description = Sentence(command.description) + "\n";
  if (command.takes_shared_options) {
    absl::StrAppend(&description,
                    "Options of every command, which are understood here too, stand in ",
                    Bold(frame.program), "(", frame.section, ").\n");
  }
  AppendSection("DESCRIPTION", description + Paragraphs(manual.notes), &page);
  AppendSection("COMMANDS", Commands(frame, command), &page);
  AppendSection(frame.section == 5 ? "SETTINGS" : "OPTIONS", Options(command.options), &page);
  std::string codes;
  for (const auto& [code, meaning] : frame.exit_codes) {
    absl::StrAppend(&codes, ".TP\n", Bold(absl::StrCat(code)), "\n", Sentence(meaning), "\n");
  }
  AppendSection("EXIT STATUS", codes, &page);
  AppendSection("ENVIRONMENT", Environment(tree.options), &page);
  std::string files;
  for (const auto& [path, what] : frame.files) {
    absl::StrAppend(&files, ".TP\n", Italic(path), "\n", Sentence(what), "\n");
  }
  AppendSection("FILES", files, &page);
  AppendSection("EXAMPLES", Examples(manual.examples), &page);
  AppendSection("SEE ALSO", SeeAlso(frame, tree, command), &page);
  return Wrapped(page);
}

bool WritePage(const std::string& directory, const PageFrame& frame, const Command& command,
               const std::string& page) {
  const std::string path = absl::StrCat(directory, "/man", frame.section, "/",
                                        PageName(frame, command), ".", frame.section);
  std::ofstream file(path, std::ios::binary);
  file << page;
  file.close();
  if (!file) std::fprintf(stderr, "cannot write %s\n", path.c_str());
  return !file.fail();
}

}  // namespace conntrack::manual
