// A connection in memory: split by how often its parts are touched. Every
// packet touches the 128 bytes of Record (two cache lines); creation, expiry
// and queries also touch Extra; IPv6 keeps its addresses in an AddressPair
// beside it, and Labels lie further off, where there are any. ConnectionRef reads
// all of them as one.
//
// Plain data. Guarded by the lock of the slot it lives in; a StoredConnection is
// a copy and belongs to its holder.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/tracker/arming.h"
#include "server/tracker/labels.h"
#include "server/tracker/settings.h"
#include "server/tracker/time.h"
#include "server/tracker/tuple.h"
#include "server/tracker/verdict.h"

namespace conntrack {

// Netfilter's status bits.
namespace status_bit {
inline constexpr uint16_t kSeenReply = 1u << 1;
inline constexpr uint16_t kAssured = 1u << 2;
inline constexpr uint16_t kConfirmed = 1u << 3;
inline constexpr uint16_t kDying = 1u << 9;
inline constexpr uint16_t kFixedTimeout = 1u << 10;
}  // namespace status_bit

// What a TCP packet is, as the transition table sees it.
enum class TcpClass : uint8_t { kNone, kSyn, kSynAck, kFin, kAck, kRst };

// Bits of TcpPeer::flags and TcpConnection::last_flags; the low six are visible
// over netlink.
namespace tcp_peer_flag {
inline constexpr uint8_t kWindowScale = 0x01;
inline constexpr uint8_t kSackPermitted = 0x02;
inline constexpr uint8_t kCloseInitiated = 0x04;
inline constexpr uint8_t kLiberal = 0x08;
inline constexpr uint8_t kDataUnacknowledged = 0x10;
inline constexpr uint8_t kMaxAckSet = 0x20;
inline constexpr uint8_t kChallengeAckExpected = 0x40;
inline constexpr uint8_t kSimultaneousOpen = 0x80;
}  // namespace tcp_peer_flag

// What is known of one TCP sender.
struct TcpPeer {
  uint32_t end = 0;         // One past the highest sequence number sent.
  uint32_t max_end = 0;     // One past the highest it may send.
  uint32_t max_window = 0;  // Largest window it announced, scaled. 0: nothing sent.
  uint32_t max_ack = 0;     // Highest acknowledgement sent; valid with kMaxAckSet.
  uint8_t scale = 0;
  uint8_t flags = 0;
};

struct TcpConnection {
  std::array<TcpPeer, 2> peer;  // By Direction.
  // The last packet worth remembering; which fields, tcp.cc says.
  uint32_t last_sequence = 0;
  uint32_t last_ack = 0;
  uint32_t last_end = 0;
  uint16_t last_window = 0;  // Unscaled.
  uint8_t last_scale = 0;
  uint8_t last_flags = 0;
  TcpClass last_class = TcpClass::kNone;
  Direction last_direction = Direction::kOriginal;
  uint8_t retransmissions = 0;
  TcpState state = TcpState::kNone;
};

// As UdpConnection without initial values: both share their place with TCP's.
struct SctpConnection {
  // The verification tag that packets of a direction carry, by Direction; 0
  // until it is known.
  std::array<uint32_t, 2> tag;
  SctpState state;
  // Directions that sent an INIT since the last COOKIE ACK, by bit.
  uint8_t init_seen;
  // A heartbeat of `heartbeat_direction` carried a wrong tag.
  bool heartbeat_failed;
  Direction heartbeat_direction;
  // Event bits of packets that were INVALID in a later chunk; told with the next
  // packet that is not.
  uint8_t untold_changes;
};

struct UdpConnection {
  // From then on traffic in both directions makes it a stream. In halves, so
  // that it needs no more than 4-byte alignment within Record.
  uint32_t stream_after_high;
  uint32_t stream_after_low;

  Time stream_after() const {
    return TimeFromUnixNanos(
        static_cast<int64_t>(uint64_t{stream_after_high} << 32 | stream_after_low));
  }
  static UdpConnection StreamAfter(Time time) {
    const auto nanos = static_cast<uint64_t>(UnixNanos(time));
    return {static_cast<uint32_t>(nanos >> 32), static_cast<uint32_t>(nanos)};
  }
};

struct Counters {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

struct Record {
  // Key. IPv4 addresses, first and second end; unused for IPv6.
  std::array<uint32_t, 2> address = {0, 0};
  uint32_t ports = 0;
  ZoneIndex zone = 0;
  uint8_t protocol = 0;
  // 0 while the record is free.
  uint8_t in_use : 1 = 0;
  uint8_t original_from_first : 1 = 0;
  uint8_t ipv6 : 1 = 0;
  // What Breakdowns::Add returned.
  uint8_t grouped : 4 = 0;

  union {
    TcpConnection tcp = {};
    SctpConnection sctp;
    UdpConnection udp;
  };

  uint16_t status = 0;
  // The sensor that reported the first packet, as the caller numbers them.
  uint16_t sensor = 0;
  // Expires then. It is `timeout_ms` after the last counted packet.
  Time deadline;
  std::array<Counters, 2> counters;  // By Direction.
  uint32_t timeout_ms = 0;
  // Where the expiry looks next; see expiry.h.
  Arming arming;

  bool Has(uint16_t bit) const { return (status & bit) != 0; }

  KeyWords words() const {
    // Key and `in_use` lie in the first two words as WordsOf puts them.
    std::array<uint64_t, 2> raw;
    std::memcpy(raw.data(), static_cast<const void*>(this), sizeof(raw));
    return {raw[0], raw[1] & 0x01FF'FFFF'FFFF'FFFF};
  }
};
static_assert(sizeof(Record) == 128);
static_assert(offsetof(Record, address) == 0 && offsetof(Record, ports) == 8 &&
              offsetof(Record, zone) == 12 && offsetof(Record, protocol) == 14 &&
              std::endian::native == std::endian::little);

// Direction of a packet of an existing connection, from its key. Where both ends
// are one and the same (a LAND attack) nothing tells the directions apart;
// netfilter takes all but the first packet for replies.
inline Direction DirectionOf(const Record& record, bool from_first, bool symmetric) {
  if (symmetric) return Direction::kReply;
  return (record.original_from_first != 0) == from_first ? Direction::kOriginal : Direction::kReply;
}

// When the last packet was counted.
inline Time LastSeen(const Record& record) {
  return record.deadline - std::chrono::milliseconds(record.timeout_ms);
}

struct Extra {
  uint64_t id = 0;
  Time created;
  uint32_t mark = 0;
  uint32_t zone_id = 0;
  // Low half of the table hash.
  uint32_t hash = 0;
};
static_assert(sizeof(Extra) == 32);

struct StoredConnection;

// Reads a connection wherever its parts lie. Valid as long as they are: under
// the slot's lock, or as long as the StoredConnection.
class ConnectionRef {
 public:
  // `addresses` may be null for IPv4, and `labels` where none are set.
  ConnectionRef(const Record* record, const Extra* extra, const AddressPair* addresses,
                const Labels* labels)
      : record_(record), extra_(extra), addresses_(addresses), labels_(labels) {}

  const Record& record() const { return *record_; }
  const Extra& extra() const { return *extra_; }

  uint64_t id() const { return extra_->id; }
  uint32_t zone_id() const { return extra_->zone_id; }
  uint8_t protocol() const { return record_->protocol; }
  Family family() const { return record_->ipv6 ? Family::kIpv6 : Family::kIpv4; }
  const TcpConnection* tcp() const {
    return record_->protocol == kProtocolTcp ? &record_->tcp : nullptr;
  }
  const SctpConnection* sctp() const {
    return record_->protocol == kProtocolSctp ? &record_->sctp : nullptr;
  }
  bool Has(uint16_t status_bit) const { return record_->Has(status_bit); }
  const Counters& counters(Direction direction) const {
    return record_->counters[Index(direction)];
  }
  Time created() const { return extra_->created; }
  Time deadline() const { return record_->deadline; }
  Time last_seen() const { return LastSeen(*record_); }
  Labels labels() const { return labels_ == nullptr ? Labels() : *labels_; }

  // Sender and receiver of a packet of `direction`.
  Address source(Direction direction) const { return End(FromFirst(direction)); }
  Address destination(Direction direction) const { return End(!FromFirst(direction)); }
  // Ports, ICMP type, code and id, or GRE keys, of a packet of `direction`.
  uint32_t ports(Direction direction) const {
    const uint32_t ports = record_->ports;
    if (FromFirst(direction)) return ports;
    return IsIcmpOf(family(), record_->protocol) ? IcmpAnswer() : std::rotl(ports, 16);
  }

  // The key it is stored under.
  Key key() const;

  StoredConnection Copy() const;

 private:
  bool FromFirst(Direction direction) const {
    return (direction == Direction::kOriginal) == (record_->original_from_first != 0);
  }
  Address End(bool first) const {
    if (record_->ipv6) return first ? addresses_->first : addresses_->second;
    return Ipv4Address(record_->address[first ? 0 : 1]);
  }

  // The key keeps the query; the answer differs in its type.
  uint32_t IcmpAnswer() const;

  const Record* record_;
  const Extra* extra_;
  const AddressPair* addresses_;
  const Labels* labels_;
};

// Up to 64 places side by side, of which some hold a connection. Valid as long
// as a ConnectionRef of one.
struct ConnectionBlock {
  static constexpr uint32_t kPlaces = 64;

  const Record* records = nullptr;
  const Extra* extras = nullptr;
  // Null for IPv4.
  const AddressPair* addresses = nullptr;
  // By place, a bit: 1 where there is a connection.
  uint64_t in_use = 0;
  // Null when none of them has labels.
  const Labels* labels = nullptr;

  ConnectionRef at(uint32_t place) const {
    return {records + place, extras + place, addresses == nullptr ? nullptr : addresses + place,
            labels == nullptr ? nullptr : labels + place};
  }
};

// A copy of a connection.
struct StoredConnection {
  Record record;
  Extra extra;
  AddressPair addresses;
  Labels labels;

  ConnectionRef ref() const { return ConnectionRef(&record, &extra, &addresses, &labels); }
};

// What a gauge counts connections by: the protocol, and the state of TCP and
// SCTP or how far the others have come.
inline constexpr size_t kConnectionGauges = kTcpStates + kSctpStates + 6 * 3;
// The gauge a connection counts in: 0 to kConnectionGauges - 1.
size_t GaugeOf(const Record& record);
// Names of a gauge for metrics: protocol ("tcp", "sctp", "udp", "udplite",
// "icmp", "icmpv6", "gre", "other") and state ("established", "unreplied", "replied", "assured",
// ...).
struct GaugeName {
  const char* protocol;
  const char* state;
};
GaugeName NameOfGauge(size_t gauge);

}  // namespace conntrack
