// Fuzzes what takes columns from strangers: PacketReader, and behind it the
// tracker, which trusts what the reader lets pass.
//
// The input is a serialised PacketBatch. A batch that is rejected says why. One
// that is accepted is tracked twice, on the server's clock and on its own, in a
// tracker so small that connections are evicted and events given up; counters
// must add up, and at the end of time no connection is left.
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "server/convert_packets.h"
#include "server/tracker/check.h"
#include "server/tracker/tracker.h"

namespace conntrack {
namespace {

constexpr uint32_t kPacketsMax = 4'096;
constexpr uint64_t kConnectionsMax = 4;
constexpr Time kServerNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

TrackerOptions Options() {
  TrackerOptions options;
  options.slot_count = 2;
  options.zones_max = 2;
  options.event_bytes_max = 1u << 20;
  options.zone_settings.connections_max = kConnectionsMax;
  return options;
}

void CheckError(const BatchError& error) {
  CT_CHECK(error.reason != v1::BATCH_REJECTION_UNSPECIFIED);
  CT_CHECK(v1::BatchRejection_IsValid(error.reason));
  // The detail goes to a log: one printable line.
  CT_CHECK(!error.detail.empty() && error.detail.size() < 256);
  for (const char c : error.detail) CT_CHECK(absl::ascii_isprint(static_cast<unsigned char>(c)));
  switch (error.reason) {
    case v1::BATCH_REJECTION_TOO_MANY_PACKETS:
    case v1::BATCH_REJECTION_COLUMN_LENGTH:
    case v1::BATCH_REJECTION_INDEX_OUT_OF_RANGE:
    case v1::BATCH_REJECTION_INDEX_ORDER:
    case v1::BATCH_REJECTION_FLAGS:
    case v1::BATCH_REJECTION_VALUE:
      CT_CHECK(absl::StartsWith(error.detail, "column "));
      break;
    default:
      break;
  }
}

// What the reader promises the tracker of every packet.
void CheckPacket(const Packet& packet) {
  const bool malformed = (packet.flags & packet_flag::kMalformed) != 0;
  CT_CHECK(malformed == (packet.malformed != InvalidReason::kNone));
  CT_CHECK((packet.protocol == kProtocolSctp && !malformed) == !packet.chunks().empty());
  // Their bytes can be read.
  uint32_t sum = 0;
  for (const SctpChunk& chunk : packet.chunks()) sum += chunk.type;
  CT_CHECK(sum <= packet.chunks().size() * 255);
  CT_CHECK(packet.payload_length <= packet.total_length);
}

template <typename Counts>
uint64_t Sum(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

void CheckZone(Tracker& tracker, const Zone& zone, std::span<const Verdict> verdicts) {
  uint64_t invalid = 0;
  for (const Verdict& verdict : verdicts) {
    const bool is_invalid = verdict.kind == VerdictKind::kInvalid;
    CT_CHECK(is_invalid == (verdict.reason != InvalidReason::kNone));
    invalid += is_invalid ? 1 : 0;
  }
  CT_CHECK(Sum(zone.packets) == verdicts.size());
  CT_CHECK(Sum(zone.invalid) == invalid);
  CT_CHECK(zone.connections <= kConnectionsMax);
  CT_CHECK(tracker.connections() == zone.connections);
}

void Track(ZoneClock clock, std::span<const Packet> packets) {
  Tracker tracker(Options());
  const ZoneIndex index = *tracker.OpenZone(1, clock, tracker.options().zone_settings);
  const Zone& zone = tracker.zone(index);
  std::vector<Verdict> verdicts(packets.size());
  tracker.Process(Batch{index, kServerNow, 0}, packets, verdicts);
  for (size_t i = 0; i < packets.size(); ++i) {
    if (packets[i].malformed == InvalidReason::kNone) continue;
    CT_CHECK(verdicts[i].kind == VerdictKind::kInvalid);
    CT_CHECK(verdicts[i].reason == packets[i].malformed);
  }
  CheckZone(tracker, zone, verdicts);

  tracker.Advance(index, kForever);
  tracker.Expire(kForever, kConnectionsMax);
  CT_CHECK(tracker.connections() == 0);
  uint64_t events = 0;
  for (uint32_t slot = 0; slot < tracker.options().slot_count; ++slot) {
    events += tracker.LastSequence(slot);
  }
  CT_CHECK(Sum(zone.events) == events);
}

}  // namespace
}  // namespace conntrack

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace conntrack;
  v1::PacketBatch batch;
  if (!batch.ParseFromArray(bytes, static_cast<int>(size))) return 0;
  PacketReader reader;
  if (const auto error = reader.Append(batch, kPacketsMax)) {
    CheckError(*error);
    return 0;
  }
  CT_CHECK(reader.packets().size() == PacketReader::CountOf(batch));
  for (const Packet& packet : reader.packets()) CheckPacket(packet);
  Track(ZoneClock::kServer, reader.packets());
  Track(ZoneClock::kPacket, reader.packets());
  return 0;
}
