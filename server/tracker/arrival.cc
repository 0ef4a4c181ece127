#include "server/tracker/arrival.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "server/tracker/hash.h"
#include "server/tracker/icmp.h"

namespace conntrack {
namespace {

// The key of an ICMP packet, or of what it quotes. Nullopt when the verdict does
// not depend on a connection.
std::optional<DirectedKey> KeyOfIcmp(ZoneIndex zone, const Packet& packet, bool* is_error,
                                     Verdict* verdict) {
  switch (KindOfIcmp(packet)) {
    case IcmpKind::kError: {
      *is_error = true;
      const InvalidReason reason = CheckIcmpError(packet);
      *verdict =
          Invalid(reason != InvalidReason::kNone ? reason : InvalidReason::kIcmpErrorUnknown);
      if (reason != InvalidReason::kNone) return std::nullopt;
      return KeyOfQuote(zone, packet);
    }
    case IcmpKind::kUntracked:
      *verdict = {VerdictKind::kUntracked};
      return std::nullopt;
    case IcmpKind::kInvalid:
      *verdict = Invalid(InvalidReason::kIcmpType);
      return std::nullopt;
    default:
      return KeyOf(zone, packet);
  }
}

}  // namespace

uint16_t Classifier::SlotOf(const Key& key) const {
  const uint64_t hash = SlotHash(slot_hash_seed_, zone_id_, key.family, key.first, key.second);
  return static_cast<uint16_t>(hash & slot_mask_);
}

uint64_t Classifier::HashOf(const Key& key) const { return TableHash(table_secret_, key); }

Classifier::Run Classifier::Classify(std::span<const Packet> packets, std::span<Arrival> arrivals,
                                     std::span<Verdict> verdicts) const {
  return packets[0].family == Family::kIpv4
             ? ClassifyFamily<Family::kIpv4>(packets, arrivals, verdicts)
             : ClassifyFamily<Family::kIpv6>(packets, arrivals, verdicts);
}

template <Family kFamily>
Classifier::Run Classifier::ClassifyFamily(std::span<const Packet> packets,
                                           std::span<Arrival> arrivals,
                                           std::span<Verdict> verdicts) const {
  // In blocks, so that the bytes to hash are written some time before they are
  // read: a load that needs several young stores waits for all of them.
  constexpr size_t kBlock = 64;
  std::array<SlotHashInput, kBlock> inputs = {};
  Run run;
  size_t end = 0;
  do {
    end = std::min(packets.size(), run.count + kBlock);
    const size_t begin = run.count;
    for (; run.count < end; ++run.count) {
      const Packet& packet = packets[run.count];
      if (packet.family != kFamily) break;
      Arrival& arrival = arrivals[run.count];
      SlotHashInput* const input = &inputs[run.count - begin];
      arrival.slot = 0;
      arrival.is_error = false;
      if (HasPorts(packet.protocol) && (packet.flags & packet_flag::kMalformed) == 0) {
        ClassifyPorts<kFamily>(packet, &arrival, input);
      } else if (!ClassifyOther(packet, &arrival, input, &verdicts[run.count])) {
        arrival.slot = Arrival::kDecided;
        arrival.is_error = false;
        ++run.decided;
      }
    }
    const size_t count = run.count - begin;
    Hash<kFamily>(packets.subspan(begin, count), inputs, arrivals.subspan(begin, count));
  } while (run.count == end && end < packets.size());
  return run;
}

// What MakeKey comes to, without the key: most packets come here. Which end is
// the first is as good as random, so nothing branches on it.
template <Family kFamily>
inline void Classifier::ClassifyPorts(const Packet& packet, Arrival* arrival,
                                      SlotHashInput* input) const {
  const uint16_t source_port = SourcePort(packet.ports);
  const uint16_t destination_port = DestinationPort(packet.ports);
  bool from_first;
  if constexpr (kFamily == Family::kIpv4) {
    const uint64_t source = packet.source.low << 16 | source_port;
    const uint64_t destination = packet.destination.low << 16 | destination_port;
    from_first = source <= destination;
    arrival->symmetric = source == destination;
    const uint64_t swap = (packet.source.low ^ packet.destination.low) & (uint64_t{from_first} - 1);
    const Address first = {0, packet.source.low ^ swap};
    const Address second = {0, packet.destination.low ^ swap};
    arrival->words.addresses = first.low | second.low << 32;
    input->Set(zone_id_, kFamily, first, second);
  } else {
    const auto order = packet.source <=> packet.destination;
    from_first = order < 0 || (order == 0 && source_port <= destination_port);
    arrival->symmetric = order == 0 && source_port == destination_port;
    arrival->words.addresses = 0;
    input->Set(zone_id_, kFamily, from_first ? packet.source : packet.destination,
               from_first ? packet.destination : packet.source);
  }
  arrival->from_first = from_first;
  const uint32_t ports = std::rotl(packet.ports, from_first ? 0 : 16);
  arrival->words.rest = RestWord(ports, zone_, packet.protocol);
}

bool Classifier::ClassifyOther(const Packet& packet, Arrival* arrival, SlotHashInput* input,
                               Verdict* verdict) const {
  if ((packet.flags & packet_flag::kMalformed) != 0) {
    *verdict = Invalid(packet.malformed);
    return false;
  }
  const bool is_icmp = packet.protocol == kProtocolIcmp || packet.protocol == kProtocolIcmpv6;
  const std::optional<DirectedKey> directed =
      is_icmp ? KeyOfIcmp(zone_, packet, &arrival->is_error, verdict) : KeyOf(zone_, packet);
  if (!directed.has_value()) return false;
  const Key& key = directed->key;
  arrival->words = WordsOf(key);
  arrival->from_first = directed->from_first;
  arrival->symmetric = IsSymmetric(key);
  const bool ordered = key.first <= key.second;
  input->Set(zone_id_, key.family, ordered ? key.first : key.second,
             ordered ? key.second : key.first);
  return true;
}

template <Family kFamily>
inline void Classifier::Hash(std::span<const Packet> packets, std::span<const SlotHashInput> inputs,
                             std::span<Arrival> arrivals) const {
  const uint64_t seed = slot_hash_seed_;
  const uint64_t mask = slot_mask_;
  for (size_t i = 0; i < arrivals.size(); ++i) {
    // kDecided stays: all its bits are set.
    arrivals[i].slot |= static_cast<uint16_t>(inputs[i].Hash(kFamily, seed) & mask);
  }
  const uint64_t secret = table_secret_;
  for (size_t i = 0; i < arrivals.size(); ++i) {
    Arrival& arrival = arrivals[i];
    const uint64_t hash = kFamily == Family::kIpv4
                              ? TableHashIpv4(secret, arrival.words)
                              : TableHashIpv6(secret, arrival.words, arrival.Ends(packets[i]));
    arrival.hash = static_cast<uint32_t>(hash);
  }
}

}  // namespace conntrack
