#include "tests/differential/sctp_coverage.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/testing/scenario_names.h"

namespace conntrack {
namespace {

using namespace sctp_chunk;

constexpr uint8_t kSack = 3;
// With a row in the table, and two of those without.
constexpr std::array<uint8_t, 13> kChunks = {
    kInit,      kInitAck,          kAbort,     kShutdown,     kShutdownAck, kError, kCookieEcho,
    kCookieAck, kShutdownComplete, kHeartbeat, kHeartbeatAck, kData,        kSack};

// What CountRules can count, in its order; the names say what is seen.
constexpr std::array<const char*, 22> kRules = {
    "begun by INIT",
    "begun by HEARTBEAT",
    "begun by SHUTDOWN ACK",
    "not begun by what is of the middle",
    "INIT with a tag is invalid",
    "chunks that may not stand together",
    "DATA or SACK with a wrong tag is invalid",
    "ABORT with the tag of its direction",
    "ABORT with the T bit and the other tag",
    "ABORT with a wrong tag is invalid",
    "SHUTDOWN COMPLETE with the T bit and the other tag",
    "COOKIE ECHO with a wrong tag is invalid",
    "INIT in CLOSED passes uncounted",
    "INIT of an open association stores a new tag",
    "INIT ACK with another tag is invalid",
    "INIT ACK after a collision stores its tag",
    "HEARTBEAT with a wrong tag passes uncounted",
    "HEARTBEAT ACK with another tag is taken up",
    "HEARTBEAT ACK with a wrong tag is invalid",
    "HEARTBEAT with a wrong tag and DATA is invalid",
    "established: assured",
    "chunks before an invalid one move the state",
};

// The tags that packets of the direction, and of the other, should carry.
std::array<uint32_t, 2> TagsOf(const Fields& before, bool reply) {
  const std::pair<std::string, std::string> text =
      absl::StrSplit(FieldOf(before, "tags"), absl::MaxSplits('/', 1));
  std::array<uint32_t, 2> tags = {};
  if (!absl::SimpleAtoi(text.first, &tags[0]) || !absl::SimpleAtoi(text.second, &tags[1])) {
    return {};
  }
  if (reply) std::swap(tags[0], tags[1]);
  return tags;
}

void CountRules(const Fields& before, const ComparedPacket& packet, bool reply,
                RuleCounts* counts) {
  const PacketSpec& spec = *packet.spec;
  const Fields& after = packet.kernel;
  const bool known = !FieldOf(before, "tags").empty();
  const bool invalid = FieldOf(after, "verdict") == "invalid";
  const bool counted = FieldOf(before, "packets") != FieldOf(after, "packets");
  const bool uncounted = known && !invalid && !counted;
  const std::string old_state = FieldOf(before, "state");
  const std::string new_state = FieldOf(after, "state");
  const auto [own, other] = TagsOf(before, reply);
  const auto [own_after, other_after] = TagsOf(after, reply);
  const uint8_t first = spec.chunks[0].type;
  const bool alone = spec.chunks.size() == 1;
  const bool reflected = (spec.chunks[0].flags & 1) != 0;
  const auto is = [&](uint8_t type) { return alone && first == type; };
  const bool has_data = std::any_of(spec.chunks.begin(), spec.chunks.end(),
                                    [](const ChunkSpec& chunk) { return chunk.type == kData; });
  size_t index = 0;
  const auto rule = [&](bool seen) {
    if (seen) counts->AddRule(index);
    ++index;
  };
  rule(!known && is(kInit) && !invalid);
  rule(!known && is(kHeartbeat) && !invalid);
  rule(!known && is(kShutdownAck) && !invalid);
  rule(!known && invalid && (is(kData) || is(kSack) || is(kAbort) || is(kCookieAck)));
  rule(is(kInit) && spec.sequence != 0 && invalid);
  rule(!alone && invalid && (first == kInit || first == kInitAck || first == kShutdownComplete));
  rule(known && (is(kData) || is(kSack)) && spec.sequence != own && invalid);
  rule(known && is(kAbort) && !reflected && spec.sequence == own && !invalid);
  rule(known && is(kAbort) && reflected && spec.sequence == other && own != other && !invalid);
  rule(known && is(kAbort) && spec.sequence != own && spec.sequence != other && invalid);
  rule(known && is(kShutdownComplete) && reflected && spec.sequence == other && own != other &&
       !invalid);
  rule(known && first == kCookieEcho && spec.sequence != own && invalid);
  rule(is(kInit) && uncounted && old_state == "closed");
  rule(known && is(kInit) && !invalid && other_after != other && old_state != "closed");
  rule(known && is(kInitAck) && spec.sequence != 0 && other != 0 && spec.acknowledgment != other &&
       invalid);
  rule(known && is(kInitAck) && !invalid && other != 0 && other_after != other);
  rule(is(kHeartbeat) && uncounted && spec.sequence != own);
  rule(known && is(kHeartbeatAck) && !invalid && own != 0 && own_after != own);
  rule(known && is(kHeartbeatAck) && invalid && own != 0 && spec.sequence != own);
  rule(known && first == kHeartbeat && has_data && invalid && own != 0 && spec.sequence != own);
  rule(!absl::StrContains(FieldOf(before, "status"), "assured") &&
       absl::StrContains(FieldOf(after, "status"), "assured"));
  rule(known && invalid && new_state != old_state && new_state != "none");
}

}  // namespace

RuleCounts MakeSctpCounts() {
  std::vector<std::string> cells;
  for (size_t state = 0; state < kSctpStates; ++state) {
    for (const char* direction : {" original ", " reply "}) {
      if (state == 0 && direction[1] == 'r') continue;
      for (const uint8_t chunk : kChunks) {
        cells.push_back(
            absl::StrCat(NameOf(static_cast<SctpState>(state)), direction, kChunkNames[chunk]));
      }
    }
  }
  return RuleCounts("sctp", std::move(cells), {kRules.begin(), kRules.end()});
}

void CountSctp(const Fields& before, const ComparedPacket& packet, RuleCounts* counts) {
  const PacketSpec& spec = *packet.spec;
  if (spec.chunks.empty() || spec.bad_checksum || spec.transport_bytes) return;
  if (spec.chunks.size() == 1 && spec.chunks[0].type < kChunkNames.size()) {
    CountCell(before, packet, kChunkNames[spec.chunks[0].type], counts);
  }
  CountRules(before, packet, IsReply(before, spec), counts);
}

}  // namespace conntrack
