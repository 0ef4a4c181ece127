#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/testing/scenario.h"
#include "tests/testing/scenario_names.h"

namespace conntrack {
namespace {

using Words = std::vector<std::string>;

absl::Status Unknown(absl::string_view word) {
  return absl::InvalidArgumentError(absl::StrCat("does not understand ", word));
}

bool ParseNumber(absl::string_view text, uint64_t max, uint64_t* value) {
  return absl::SimpleAtoi(text, value) && *value <= max;
}

std::optional<Role> ParseRole(absl::string_view text) {
  for (size_t role = 0; role < kRoles; ++role) {
    if (text == NameOf(static_cast<Role>(role))) return static_cast<Role>(role);
  }
  return std::nullopt;
}

bool ParseWho(absl::string_view text, Role* source, Role* destination) {
  if (text == ">" || text == "<") {
    *source = text == ">" ? Role::kClient : Role::kServer;
    *destination = text == ">" ? Role::kServer : Role::kClient;
    return true;
  }
  const std::pair<std::string, std::string> ends = absl::StrSplit(text, absl::MaxSplits('>', 1));
  const std::optional<Role> from = ParseRole(ends.first);
  const std::optional<Role> to = ParseRole(ends.second);
  if (!from.has_value() || !to.has_value()) return false;
  *source = *from;
  *destination = *to;
  return true;
}

std::optional<uint8_t> ParseProtocol(absl::string_view text) {
  if (text == "tcp") return kProtocolTcp;
  if (text == "udp") return kProtocolUdp;
  if (text == "icmp") return kProtocolIcmp;
  if (text == "icmpv6") return kProtocolIcmpv6;
  if (text == "udplite") return kProtocolUdplite;
  if (text == "sctp") return kProtocolSctp;
  if (text == "gre") return kProtocolGre;
  uint64_t number = 0;
  if (absl::ConsumePrefix(&text, "ip:") && ParseNumber(text, 255, &number)) {
    return static_cast<uint8_t>(number);
  }
  return std::nullopt;
}

bool ParseWhat(absl::string_view text, PacketSpec* spec) {
  if (const std::optional<uint8_t> protocol = ParseProtocol(text)) {
    spec->protocol = *protocol;
    return true;
  }
  spec->protocol = kProtocolTcp;
  if (text == "null") return true;
  for (const char letter : text) {
    const size_t bit = kTcpFlagLetters.find(letter);
    if (bit == absl::string_view::npos) return false;
    spec->tcp_flags |= static_cast<uint8_t>(1u << bit);
  }
  return true;
}

bool ParseSack(absl::string_view text, std::vector<uint8_t>* options) {
  std::vector<SackBlock> blocks;
  for (const absl::string_view block : absl::StrSplit(text, '+')) {
    const std::pair<std::string, std::string> edges =
        absl::StrSplit(block, absl::MaxSplits('-', 1));
    uint64_t left = 0;
    uint64_t right = 0;
    if (!ParseNumber(edges.first, UINT32_MAX, &left) ||
        !ParseNumber(edges.second, UINT32_MAX, &right)) {
      return false;
    }
    blocks.push_back({static_cast<uint32_t>(left), static_cast<uint32_t>(right)});
  }
  AppendSack(blocks, options);
  return true;
}

bool ParseOption(absl::string_view text, std::vector<uint8_t>* options) {
  uint64_t number = 0;
  if (text == "nop") return options->push_back(1), true;
  if (text == "end") return options->push_back(0), true;
  if (text == "sackok") return AppendSackPermitted(options), true;
  if (absl::ConsumePrefix(&text, "wscale:")) {
    if (!ParseNumber(text, 255, &number)) return false;
    AppendWindowScale(static_cast<uint8_t>(number), options);
    return true;
  }
  if (absl::ConsumePrefix(&text, "ts:")) {
    if (!ParseNumber(text, UINT32_MAX, &number)) return false;
    std::vector<uint8_t> aligned;
    AppendTimestamps(static_cast<uint32_t>(number), &aligned);
    // Without the two NOPs in front.
    options->insert(options->end(), aligned.begin() + 2, aligned.end());
    return true;
  }
  if (absl::ConsumePrefix(&text, "sack:")) return ParseSack(text, options);
  if (absl::ConsumePrefix(&text, "hex:")) {
    for (const char byte : absl::HexStringToBytes(text)) {
      options->push_back(static_cast<uint8_t>(byte));
    }
    return true;
  }
  return false;
}

// NAME or NUMBER, then :FLAGS and /LENGTH when they are there.
bool ParseChunk(absl::string_view text, std::vector<ChunkSpec>* chunks) {
  ChunkSpec chunk;
  uint64_t number = 0;
  if (const size_t slash = text.find('/'); slash != absl::string_view::npos) {
    if (!ParseNumber(text.substr(slash + 1), UINT16_MAX, &number)) return false;
    chunk.length = static_cast<uint16_t>(number);
    text = text.substr(0, slash);
  }
  if (const size_t colon = text.find(':'); colon != absl::string_view::npos) {
    if (!ParseNumber(text.substr(colon + 1), UINT8_MAX, &number)) return false;
    chunk.flags = static_cast<uint8_t>(number);
    text = text.substr(0, colon);
  }
  const auto* const name = std::find(kChunkNames.begin(), kChunkNames.end(), text);
  number = static_cast<uint64_t>(name - kChunkNames.begin());
  if (name == kChunkNames.end() && !ParseNumber(text, UINT8_MAX, &number)) return false;
  chunk.type = static_cast<uint8_t>(number);
  chunks->push_back(chunk);
  return true;
}

bool ParseGre(absl::string_view key, uint64_t value, GreSpec* gre) {
  if (key == "version" && value <= 7) return gre->version = static_cast<uint8_t>(value), true;
  if (key == "carries" && value <= UINT16_MAX) {
    gre->protocol = static_cast<uint16_t>(value);
    return true;
  }
  if (key != "call" || value > UINT16_MAX) return false;
  gre->call_id = static_cast<uint16_t>(value);
  return true;
}

bool ParseQuote(absl::string_view text, PacketSpec* spec) {
  const Words parts = absl::StrSplit(text, ',');
  const std::pair<std::string, std::string> head = absl::StrSplit(parts[0], ':');
  QuoteSpec quote;
  const size_t colon = parts[0].find(':');
  if (colon == std::string::npos) return false;
  const std::optional<uint8_t> protocol = ParseProtocol(parts[0].substr(colon + 1));
  if (!protocol.has_value() || !ParseWho(head.first, &quote.source, &quote.destination)) {
    return false;
  }
  quote.protocol = *protocol;
  for (size_t i = 1; i < parts.size(); ++i) {
    absl::string_view part = parts[i];
    uint64_t number = 0;
    if (part == "fragment") {
      quote.fragment = true;
    } else if (absl::ConsumePrefix(&part, "conn=") && ParseNumber(part, UINT16_MAX, &number)) {
      quote.connection = static_cast<uint16_t>(number);
    } else if (absl::ConsumePrefix(&part, "type=") && ParseNumber(part, 255, &number)) {
      quote.icmp_type = static_cast<uint8_t>(number);
    } else if (absl::ConsumePrefix(&part, "code=") && ParseNumber(part, 255, &number)) {
      quote.icmp_code = static_cast<uint8_t>(number);
    } else if (absl::ConsumePrefix(&part, "bytes=") && ParseNumber(part, 40, &number)) {
      quote.transport_bytes = static_cast<uint8_t>(number);
    } else {
      const std::pair<std::string, std::string> gre =
          absl::StrSplit(parts[i], absl::MaxSplits('=', 1));
      if (!ParseNumber(gre.second, UINT16_MAX, &number)) return false;
      if (!ParseGre(gre.first, number, &quote.gre)) return false;
    }
  }
  spec->quote = quote;
  return true;
}

bool ParseDetail(absl::string_view word, PacketSpec* spec) {
  if (word == "bad_checksum") return spec->bad_checksum = true;
  if (word == "no_checksum") return spec->no_checksum = true;
  const std::pair<std::string, std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
  const auto& [key, value] = parts;
  if (key == "quote") return ParseQuote(value, spec);
  if (key == "opts") {
    for (const absl::string_view option : absl::StrSplit(value, ',')) {
      if (!ParseOption(option, &spec->tcp_options)) return false;
    }
    return spec->tcp_options.size() <= 40;
  }
  if (key == "chunks") {
    for (const absl::string_view chunk : absl::StrSplit(value, '+')) {
      if (!ParseChunk(chunk, &spec->chunks)) return false;
    }
    return true;
  }
  uint64_t number = 0;
  if (!ParseNumber(value, UINT32_MAX, &number)) return false;
  if (key == "seq" || key == "tag") return spec->sequence = static_cast<uint32_t>(number), true;
  if (key == "ack" || key == "itag") {
    return spec->acknowledgment = static_cast<uint32_t>(number), true;
  }
  if (ParseGre(key, number, &spec->gre)) return true;
  if (number > UINT16_MAX) return false;
  const auto small = static_cast<uint16_t>(number);
  if (key == "win") return spec->window = small, true;
  if (key == "len") return spec->payload_length = small, true;
  if (key == "conn") return spec->connection = small, true;
  if (key == "transport_bytes") return spec->transport_bytes = small, true;
  if (key == "udp_length") return spec->udp_length = small, true;
  if (number > UINT8_MAX) return false;
  const auto byte = static_cast<uint8_t>(number);
  if (key == "type") return spec->icmp_type = byte, true;
  if (key == "code") return spec->icmp_code = byte, true;
  if (key == "ttl") return spec->hop_limit = byte, true;
  if (key == "ext") return spec->extension_units = byte, true;
  if (key == "data_offset") return spec->data_offset = byte, true;
  return false;
}

bool IsReason(absl::string_view word) {
  for (size_t i = 1; i < kInvalidReasons; ++i) {
    if (word == NameOf(static_cast<InvalidReason>(i))) return true;
  }
  return false;
}

absl::Status ParseExpected(const Words& words, bool look, Fields* expected) {
  bool verdict = look;
  for (const std::string& word : words) {
    if (const size_t equals = word.find('='); equals != std::string::npos) {
      expected->emplace_back(word.substr(0, equals), word.substr(equals + 1));
    } else if (!verdict) {
      expected->emplace_back("verdict", word);
      verdict = true;
    } else if (word == "original" || word == "reply") {
      expected->emplace_back("direction", word);
    } else if (IsReason(word)) {
      expected->emplace_back("reason", word);
    } else if (FieldOf(*expected, "state").empty()) {
      expected->emplace_back("state", word);
    } else {
      return Unknown(word);
    }
  }
  return absl::OkStatus();
}

absl::Status ParseStep(const Words& words, ScenarioStep* step) {
  double seconds = 0;
  if (words.size() < 2 || !absl::SimpleAtod(words[0], &seconds) || seconds < 0) {
    return Unknown(words[0]);
  }
  step->spec.time = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  step->look = words[1] == "look";
  size_t at = 2;
  if (!step->look) {
    if (!ParseWho(words[1], &step->spec.source, &step->spec.destination)) return Unknown(words[1]);
    if (words.size() < 3 || !ParseWhat(words[2], &step->spec)) return Unknown(words.back());
    at = 3;
  } else if (words.size() > 2 && ParseProtocol(words[2]).has_value()) {
    step->spec.protocol = *ParseProtocol(words[2]);
    at = 3;
  }
  for (; at < words.size() && words[at] != ":"; ++at) {
    if (!ParseDetail(words[at], &step->spec)) return Unknown(words[at]);
  }
  if (at == words.size()) return absl::OkStatus();
  return ParseExpected(Words(words.begin() + static_cast<ptrdiff_t>(at) + 1, words.end()),
                       step->look, &step->expected);
}

absl::Status ParseConfig(const Words& words, ZoneSettings* settings) {
  for (size_t i = 1; i < words.size(); ++i) {
    if (absl::Status status = ChangeSetting(words[i], settings); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ParseLine(const Words& words, int line, ScenarioCase* current) {
  if (words[0] == "config") return ParseConfig(words, &current->settings);
  if (words[0] == "family" && words.size() == 2 && (words[1] == "ipv4" || words[1] == "ipv6")) {
    current->family = words[1] == "ipv4" ? Family::kIpv4 : Family::kIpv6;
    return absl::OkStatus();
  }
  if (words[0] == "recorded" && words.size() == 2) {
    current->recorded = words[1];
    return absl::OkStatus();
  }
  if (words[0] == "tracker_only") {
    current->tracker_only = true;
    return absl::OkStatus();
  }
  ScenarioStep step;
  step.line = line;
  if (absl::Status status = ParseStep(words, &step); !status.ok()) return status;
  if (!current->steps.empty() && step.spec.time < current->steps.back().spec.time) {
    return absl::InvalidArgumentError(absl::StrCat("time ", words[0], " goes back"));
  }
  current->steps.push_back(std::move(step));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ScenarioCase>> ParseScenario(absl::string_view text) {
  ScenarioCase shared;
  std::vector<ScenarioCase> cases;
  int line = 0;
  for (absl::string_view row : absl::StrSplit(text, '\n')) {
    ++line;
    const Words words =
        absl::StrSplit(row.substr(0, row.find('#')), absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty()) continue;
    if (words[0] == "case" && words.size() == 2) {
      cases.push_back(shared);
      cases.back().name = words[1];
      continue;
    }
    const absl::Status status = ParseLine(words, line, cases.empty() ? &shared : &cases.back());
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", status.message()));
    }
  }
  if (cases.empty()) cases.push_back(std::move(shared));
  return cases;
}

}  // namespace conntrack
