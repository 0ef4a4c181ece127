#include "tests/differential/tcp_coverage.h"

#include <array>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace conntrack {
namespace {

using namespace tcp_flag;

constexpr std::array<const char*, 5> kClasses = {"SYN", "SYNACK", "FIN", "ACK", "RST"};
// What CountRules can count, in its order; the names say what is seen.
constexpr std::array<const char*, 22> kRules = {
    "syn reopens",
    "syn from the server side reopens, turned around",
    "syn on an open or reset connection is ignored",
    "syn-ack answers an ignored syn and re-syncs",
    "ack challenges a syn in last_ack",
    "simultaneous open: syn_sent2",
    "simultaneous open: ack of the answerer establishes",
    "reset below the highest ack is invalid",
    "reset at another place leaves established",
    "reset closes",
    "reset before a reply ends the connection",
    "syn repeated before a reply is not counted",
    "data above the window is let through",
    "segment is accepted but ignored",
    "window check says invalid",
    "assured",
    "picked up: 300 s until a reply",
    "timeout lowered: retransmissions",
    "timeout lowered: unacknowledged data or zero window",
    "fin outside the window lowers the timeout",
    "ack of syn_sent's reply is ignored",
    "scales dropped: only one side offers",
};

std::string ClassOf(uint8_t flags) {
  switch (flags & static_cast<uint8_t>(~(kPsh | kEce | kCwr))) {
    case kSyn:
    case kSyn | kUrg:
      return "SYN";
    case kSyn | kAck:
      return "SYNACK";
    case kFin | kAck:
    case kFin | kAck | kUrg:
      return "FIN";
    case kAck:
    case kAck | kUrg:
      return "ACK";
    case kRst:
    case kRst | kAck:
      return "RST";
    default:
      return "";
  }
}

int64_t SecondsOf(const Fields& fields) { return std::atoll(FieldOf(fields, "timeout").c_str()); }

void CountRules(const Fields& before, const ComparedPacket& packet, bool reply,
                const std::string& packet_class, RuleCounts* counts) {
  const Fields& after = packet.kernel;
  const std::string old_state = FieldOf(before, "state");
  const std::string new_state = FieldOf(after, "state");
  const std::string events = FieldOf(after, "events");
  const std::string old_status = FieldOf(before, "status");
  const std::string new_status = FieldOf(after, "status");
  const bool invalid = FieldOf(after, "verdict") == "invalid";
  const bool counted = FieldOf(before, "packets") != FieldOf(after, "packets");
  const bool known = old_state != "none" && !old_state.empty();
  const bool reopened = absl::StrContains(events, "destroy{") && absl::StrContains(events, "new{");
  const bool assured = absl::StrContains(old_status, "assured");
  const bool ignored = known && !invalid && !counted && !absl::StrContains(events, "destroy{");
  const int64_t seconds = SecondsOf(after);
  const auto rule = [&](size_t index, bool seen) {
    if (seen) counts->AddRule(index);
  };
  const bool syn = packet_class == "SYN";
  const bool ack = packet_class == "ACK";
  const bool rst = packet_class == "RST";
  rule(0, reopened && syn && !reply);
  rule(1, reopened && syn && reply);
  rule(2, ignored && syn && old_state != "syn_sent");
  rule(3, known && packet_class == "SYNACK" && !invalid && counted && new_state == "syn_recv" &&
              old_state != "syn_sent" && old_state != "syn_sent2" && old_state != "syn_recv");
  rule(4, ignored && ack && old_state == "last_ack");
  rule(5, known && new_state == "syn_sent2" && old_state == "syn_sent");
  rule(6, known && ack && reply && old_state == "syn_recv" && new_state == "established");
  rule(7, known && rst && invalid && old_state == "established" && assured);
  rule(8, rst && !invalid && counted && old_state == "established" && new_state == "established");
  rule(9, rst && !invalid && new_state == "close" && old_state != "close");
  rule(10, known && rst && !invalid && new_state == "none");
  rule(11, ignored && syn && old_state == "syn_sent" && !reply);
  rule(12, ignored && ack && FieldOf(before, "flags") != FieldOf(after, "flags"));
  rule(13, ignored && (ack || packet_class == "FIN"));
  rule(14, known && ack && invalid && old_state == "established");
  rule(15, !assured && absl::StrContains(new_status, "assured"));
  rule(16, !known && ack && new_state == "established" && seconds >= 299 && seconds <= 300);
  const bool lowered =
      known && counted && !rst && new_state == "established" && assured && seconds <= 300;
  rule(17, lowered && ack && FieldOf(before, "flags") == FieldOf(after, "flags") &&
               SecondsOf(before) > 301);
  rule(18, lowered);
  rule(19, invalid && known && SecondsOf(before) > 301 && seconds <= 300 && seconds > 0);
  rule(20, ignored && ack && reply && old_state == "syn_sent");
  rule(21, packet_class == "SYNACK" && counted && FieldOf(after, "scale") == "0/0" &&
               FieldOf(before, "scale") != "0/0");
}

}  // namespace

RuleCounts MakeTcpCounts() {
  std::vector<std::string> cells;
  for (size_t state = 0; state < kTcpStates; ++state) {
    for (const char* direction : {" original ", " reply "}) {
      if (state == 0 && direction[1] == 'r') continue;
      for (const char* packet_class : kClasses) {
        cells.push_back(
            absl::StrCat(NameOf(static_cast<TcpState>(state)), direction, packet_class));
      }
    }
  }
  return RuleCounts("tcp", std::move(cells), {kRules.begin(), kRules.end()});
}

void CountTcp(const Fields& before, const ComparedPacket& packet, RuleCounts* counts) {
  const PacketSpec& spec = *packet.spec;
  const std::string packet_class = ClassOf(spec.tcp_flags);
  if (packet_class.empty() || spec.bad_checksum || spec.data_offset || spec.transport_bytes) return;
  CountCell(before, packet, packet_class, counts);
  CountRules(before, packet, IsReply(before, spec), packet_class, counts);
}

}  // namespace conntrack
