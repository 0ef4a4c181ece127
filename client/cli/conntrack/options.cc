#include "client/cli/conntrack/options.h"

#include <sys/socket.h>

#include <limits>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/conntrack/option_check.h"
#include "client/cli/conntrack/option_table.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {
namespace {

constexpr uint64_t kMax8 = std::numeric_limits<uint8_t>::max();
constexpr uint64_t kMax16 = std::numeric_limits<uint16_t>::max();
constexpr uint64_t kMax32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

// Stores what was parsed, or tells why it was not.
template <typename Parsed, typename Field>
absl::Status Store(absl::StatusOr<Parsed> parsed, Field* field) {
  if (!parsed.ok()) return parsed.status();
  *field = *std::move(parsed);
  return absl::OkStatus();
}

// Reads one command line. getopt_long has one state for the process: not for two
// threads.
class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments) : words_(arguments) {
    words_.insert(words_.begin(), "conntrack");
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }

  absl::StatusOr<ConntrackOptions> Parse();

 private:
  absl::Status TakeCommand(char letter);
  absl::Status TakeTable();
  absl::Status Take(Option option, const std::string& text);
  absl::Status TakeAddress(Option option, const std::string& text);
  absl::Status TakeMask(const std::string& text, std::optional<IpAddress>* mask);
  absl::Status TakeProtocol(const std::string& text);
  absl::Status TakeStatus(const std::string& text);
  absl::Status TakeLabels(const std::string& text, std::vector<uint32_t>* labels);
  absl::Status TakeOfProtocol(Option option, const std::string& text);
  absl::Status TakeFamily(int family);

  // What stands behind an option whose argument may be left out; "" for nothing.
  std::string OptionalArgument();

  std::vector<std::string> words_;
  std::vector<char*> pointers_;
  std::vector<option> long_options_ = LongOptions(-1);
  std::set<Option> given_;
  char letter_ = kNoCommand;
  // What -o asks for; a label asks for labels as well.
  uint32_t output_ = 0;
  ConntrackOptions options_;
};

std::string Parser::OptionalArgument() {
  if (optarg != nullptr) return optarg;
  const char* next = pointers_[optind];
  if (next == nullptr || next[0] == '-') return "";
  ++optind;
  return next;
}

absl::Status Parser::TakeTable() {
  const std::string text = OptionalArgument();
  static constexpr std::pair<const char*, ConntrackTable> kTables[] = {
      {"", ConntrackTable::kConntrack},
      {"conntrack", ConntrackTable::kConntrack},
      {"expect", ConntrackTable::kExpect},
      {"dying", ConntrackTable::kDying},
      {"unconfirmed", ConntrackTable::kUnconfirmed}};
  for (const auto& [name, table] : kTables) {
    if (text != name) continue;
    options_.table = table;
    return absl::OkStatus();
  }
  return Wrong(absl::StrCat("unknown type `", text, "'"));
}

absl::Status Parser::TakeCommand(char letter) {
  if (letter_ != kNoCommand) return Wrong("Invalid commands combination");
  letter_ = letter;
  for (const CommandRow& row : CommandRows()) {
    if (row.letter == letter) options_.command = row.command;
  }
  const absl::Status status = TakeTable();
  if (!status.ok()) return status;
  const bool moment =
      options_.table == ConntrackTable::kDying || options_.table == ConntrackTable::kUnconfirmed;
  if (moment && options_.command != Command::kList) {
    return Wrong("Can't do that command with tables `dying' and `unconfirmed'");
  }
  return absl::OkStatus();
}

absl::Status Parser::TakeFamily(int family) {
  if (options_.family != 0 && options_.family != family) return Wrong("mismatched address family");
  options_.family = family;
  return absl::OkStatus();
}

absl::Status Parser::TakeAddress(Option option, const std::string& text) {
  auto network = ParseNetwork(text);
  if (!network.ok()) return network.status();
  if (absl::Status status = TakeFamily(network->address.family); !status.ok()) return status;
  if (option == Option::kReplySource || option == Option::kReplyDestination) {
    const bool source = option == Option::kReplySource;
    if (network->mask.has_value()) {
      return Wrong(
          absl::StrCat("CIDR notation unavailable for `--reply-", source ? "src" : "dst", "'"));
    }
    (source ? options_.reply.source : options_.reply.destination) = network->address;
    return absl::OkStatus();
  }
  const bool source = option == Option::kSource;
  (source ? options_.original.source : options_.original.destination) = network->address;
  if (network->mask.has_value()) {
    (source ? options_.source_mask : options_.destination_mask) = network->mask;
    given_.insert(source ? Option::kSourceMask : Option::kDestinationMask);
  }
  return absl::OkStatus();
}

absl::Status Parser::TakeMask(const std::string& text, std::optional<IpAddress>* mask) {
  const absl::Status status = Store(ParseIpAddress(text), mask);
  return status.ok() ? TakeFamily((*mask)->family) : status;
}

absl::Status Parser::TakeProtocol(const std::string& text) {
  const absl::Status status = Store(ParseProtocolNumber(text), &options_.protocol);
  if (status.ok()) long_options_ = LongOptions(*options_.protocol);
  return status;
}

absl::Status Parser::TakeStatus(const std::string& text) {
  const auto bits = ParseStatus(text);
  if (!bits.ok()) return bits.status();
  options_.status = options_.status.value_or(0) | *bits;
  return absl::OkStatus();
}

absl::Status Parser::TakeLabels(const std::string& text, std::vector<uint32_t>* labels) {
  for (const auto name : absl::StrSplit(text, ',')) {
    const auto number = options_.label_names.NumberOf(std::string(name));
    if (!number.ok()) return number.status();
    labels->push_back(*number);
  }
  options_.output |= kLabels;
  return absl::OkStatus();
}

absl::Status Parser::Take(Option option, const std::string& text) {
  given_.insert(option);
  switch (option) {
    case Option::kSource:
    case Option::kDestination:
    case Option::kReplySource:
    case Option::kReplyDestination:
      return TakeAddress(option, text);
    case Option::kSourceMask:
      return TakeMask(text, &options_.source_mask);
    case Option::kDestinationMask:
      return TakeMask(text, &options_.destination_mask);
    case Option::kProtocol:
      return TakeProtocol(text);
    case Option::kTimeout:
      return Store(ParseNumber(text, kMax32), &options_.timeout_seconds);
    case Option::kStatus:
      return TakeStatus(text);
    case Option::kEventMask:
      return Store(ParseEvents(text), &options_.events);
    case Option::kOutput: {
      uint32_t output = 0;
      const absl::Status status = Store(ParseOutput(text), &output);
      output_ |= output;
      return status;
    }
    case Option::kMark:
      return Store(ParseMarkAndMask(text), &options_.mark);
    case Option::kId:
      return Store(ParseNumber(text, kMax64), &options_.id);
    case Option::kFamily: {
      const auto family = ParseFamily(text);
      return family.ok() ? TakeFamily(*family) : family.status();
    }
    case Option::kBufferSize:
      options_.buffer_size = true;
      return ParseNumber(text, kMax32).status();
    case Option::kSecurityMark:
      return ParseNumber(text, kMax32).status();
    case Option::kZero:
      options_.zero = true;
      return absl::OkStatus();
    case Option::kSourceNat:
    case Option::kDestinationNat:
    case Option::kAnyNat:
      options_.translated = true;
      // An IPv4 address may have a port behind it.
      return text.empty()
                 ? absl::OkStatus()
                 : ParseIpAddress(absl::StrContains(text, '.') ? text.substr(0, text.find(':'))
                                                               : text)
                       .status();
    case Option::kZone:
      return Store(ParseNumber(text, kMax16), &options_.zone);
    case Option::kOriginalZone:
      return Store(ParseNumber(text, kMax16), &options_.original.zone);
    case Option::kReplyZone:
      return Store(ParseNumber(text, kMax16), &options_.reply.zone);
    case Option::kLabel:
      return TakeLabels(text, &options_.labels);
    case Option::kLabelAdd:
      return TakeLabels(text, &options_.labels_to_add);
    case Option::kLabelDelete:
      options_.output |= kLabels;
      if (!options_.labels_to_delete.has_value()) options_.labels_to_delete.emplace();
      return text.empty() ? absl::OkStatus() : TakeLabels(text, &*options_.labels_to_delete);
    default:
      return TakeOfProtocol(option, text);
  }
}

absl::Status Parser::TakeOfProtocol(Option option, const std::string& text) {
  switch (option) {
    case Option::kState:
      return Store(ParseStateOf(*options_.protocol, text), &options_.state);
    case Option::kSourcePort:
      return Store(ParseNumber(text, kMax16), &options_.original.source_port);
    case Option::kDestinationPort:
      return Store(ParseNumber(text, kMax16), &options_.original.destination_port);
    case Option::kReplySourcePort:
      return Store(ParseNumber(text, kMax16), &options_.reply.source_port);
    case Option::kReplyDestinationPort:
      return Store(ParseNumber(text, kMax16), &options_.reply.destination_port);
    case Option::kIcmpType:
      return Store(ParseNumber(text, kMax8), &options_.icmp_type);
    case Option::kIcmpCode:
      return Store(ParseNumber(text, kMax8), &options_.icmp_code);
    case Option::kIcmpId:
      return Store(ParseNumber(text, kMax16), &options_.icmp_id);
    case Option::kOriginalTag:
      return Store(ParseNumber(text, kMax32), &options_.original.verification_tag);
    case Option::kReplyTag:
      return Store(ParseNumber(text, kMax32), &options_.reply.verification_tag);
    case Option::kSourceKey:
      return Store(ParseNumber(text, kMax16), &options_.original.source_key);
    case Option::kDestinationKey:
      return Store(ParseNumber(text, kMax16), &options_.original.destination_key);
    case Option::kReplySourceKey:
      return Store(ParseNumber(text, kMax16), &options_.reply.source_key);
    case Option::kReplyDestinationKey:
      return Store(ParseNumber(text, kMax16), &options_.reply.destination_key);
    case Option::kRole:
      if (text == "client" || text == "server") return absl::OkStatus();
      return Wrong(absl::StrCat("Unknown DCCP role `", text, "'"));
    default:
      // No command takes the tuples of expectations; Check says so.
      return absl::OkStatus();
  }
}

absl::StatusOr<ConntrackOptions> Parser::Parse() {
  const int count = static_cast<int>(words_.size());
  const std::string letters = LetterText();
  options_.label_names = LabelNames::Read();
  optind = 0;  // The GNU way to begin anew.
  opterr = 0;
  for (;;) {
    const int value =
        getopt_long(count, pointers_.data(), letters.c_str(), long_options_.data(), nullptr);
    if (value == -1) break;
    absl::Status status;
    if (value == '?' || value == ':') {
      const std::string word = pointers_[optind - 1];
      status = Wrong(value == '?' ? absl::StrCat("unknown option `", word, "'")
                                  : absl::StrCat("option `", word, "' requires an argument"));
    } else {
      const OptionRow* row = nullptr;
      for (const OptionRow& candidate : OptionRows()) {
        if (value == candidate.letter ||
            value == kOptionValues + static_cast<int>(candidate.option)) {
          row = &candidate;
          break;
        }
      }
      if (row == nullptr) {
        status = TakeCommand(static_cast<char>(value));
      } else if (row->argument == optional_argument) {
        status = Take(row->option, OptionalArgument());
      } else {
        status = Take(row->option, optarg == nullptr ? "" : optarg);
      }
    }
    if (!status.ok()) return status;
  }
  if (options_.command == Command::kNone && given_.empty()) options_.command = Command::kHelp;
  if ((output_ & kSave) != 0 && output_ != kSave) {
    return absl::FailedPreconditionError(
        "cannot combine save output with any other output type, use -o save only");
  }
  options_.output |= output_;
  const absl::Status status = CheckOptions(letter_, given_, options_);
  if (!status.ok()) return status;
  return std::move(options_);
}

}  // namespace

absl::StatusOr<ConntrackOptions> ParseConntrackOptions(const std::vector<std::string>& arguments) {
  // -R stands alone with its file.
  if (arguments.size() >= 2 && (arguments[0] == "-R" || arguments[0] == "--load-file")) {
    ConntrackOptions options;
    options.command = Command::kLoad;
    options.file = arguments[1];
    return options;
  }
  return Parser(arguments).Parse();
}

}  // namespace conntrack::cli
