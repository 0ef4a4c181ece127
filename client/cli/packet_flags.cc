#include "client/cli/packet_flags.h"

#include <google/protobuf/util/time_util.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/wire_tuple.h"

namespace conntrack::cli {
namespace {

// Bits of PacketBatch.shape and TcpOptionColumns.options.
constexpr uint32_t kBadChecksum = 0x01;
constexpr uint32_t kTcpOptions = 0x08;
constexpr uint32_t kHopLimit255 = 0x20;
constexpr uint32_t kSparse = 0x40;
constexpr uint32_t kScalePresent = 0x100;
constexpr uint32_t kSackPermitted = 0x200;

constexpr uint32_t kIpv4HeaderBytes = 20;
constexpr uint32_t kIpv6HeaderBytes = 40;
constexpr uint32_t kTcpWords = 5;
// The most that fits the fixed columns.
constexpr uint32_t kPayloadMax = 60'000;

using Names = std::map<std::string, uint32_t>;

const Names& TcpFlagNames() {
  static const auto* const names =
      new Names{{"FIN", 0x01}, {"SYN", 0x02}, {"RST", 0x04}, {"PSH", 0x08},
                {"ACK", 0x10}, {"URG", 0x20}, {"ECE", 0x40}, {"CWR", 0x80}};
  return *names;
}

// RFC 9260 3.2.
const Names& ChunkNames() {
  static const auto* const names = new Names{{"DATA", 0},
                                             {"INIT", 1},
                                             {"INIT_ACK", 2},
                                             {"SACK", 3},
                                             {"HEARTBEAT", 4},
                                             {"HEARTBEAT_ACK", 5},
                                             {"ABORT", 6},
                                             {"SHUTDOWN", 7},
                                             {"SHUTDOWN_ACK", 8},
                                             {"ERROR", 9},
                                             {"COOKIE_ECHO", 10},
                                             {"COOKIE_ACK", 11},
                                             {"SHUTDOWN_COMPLETE", 14}};
  return *names;
}

absl::StatusOr<uint32_t> NumberOf(const char* flag, const std::string& name, const Names& names) {
  const auto found = names.find(absl::AsciiStrToUpper(name));
  if (found != names.end()) return found->second;
  return absl::InvalidArgumentError(absl::StrCat(
      flag, " \"", name, "\" is none of ",
      absl::StrJoin(names, ", ",
                    [](std::string* out, const auto& entry) { out->append(entry.first); })));
}

// The packet in the making.
struct Draft {
  const PacketFlags& flags;
  v1::ConnectionKey key;
  v1::PacketBatch batch;
  uint32_t tcp_flags = 0;
  // Of the transport header.
  uint32_t header_bytes = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;
  uint32_t shape = 0;
};

absl::Status FillTcp(Draft* draft) {
  const PacketFlags& flags = draft->flags;
  if (flags.tcp_flags.empty()) {
    return absl::InvalidArgumentError("a TCP packet needs --tcp-flags, such as SYN or ACK,PSH");
  }
  for (const std::string& name : flags.tcp_flags) {
    const auto bit = NumberOf("--tcp-flags", name, TcpFlagNames());
    if (!bit.ok()) return bit.status();
    draft->tcp_flags |= *bit;
  }
  draft->sequence = flags.sequence;
  draft->acknowledgment = flags.acknowledgment;
  uint32_t words = kTcpWords;
  uint32_t options = 0;
  if (flags.window_scale.has_value()) {
    options |= kScalePresent | *flags.window_scale;
    ++words;
  }
  if (flags.sack_permitted) {
    options |= kSackPermitted;
    ++words;
  }
  if (options != 0) {
    draft->batch.mutable_tcp_options()->add_index(0);
    draft->batch.mutable_tcp_options()->add_options(options);
    draft->batch.mutable_tcp_options()->add_sack_edge(0);
    draft->shape |= (kTcpOptions | kSparse) << 24;
  }
  draft->shape |= flags.window | words << 20;
  draft->header_bytes = 4 * words;
  return absl::OkStatus();
}

absl::Status FillSctp(Draft* draft) {
  const PacketFlags& flags = draft->flags;
  if (flags.chunks.empty()) {
    return absl::InvalidArgumentError("an SCTP packet needs --chunks, such as INIT or DATA");
  }
  constexpr uint32_t kHeaderBytes = 12;
  constexpr uint32_t kChunkBytes = 20;
  draft->header_bytes = kHeaderBytes;
  for (const std::string& name : flags.chunks) {
    const auto type = NumberOf("--chunks", name, ChunkNames());
    if (!type.ok()) return type.status();
    draft->batch.mutable_sctp_chunks()->add_index(0);
    draft->batch.mutable_sctp_chunks()->add_chunk(*type);
    draft->header_bytes += kChunkBytes;
  }
  draft->sequence = flags.verification_tag;
  draft->acknowledgment = flags.initiate_tag;
  draft->shape |= kSparse << 24;
  return absl::OkStatus();
}

absl::Status FillQuote(Draft* draft) {
  const auto key = ParseTuple(draft->flags.quote, draft->flags.tuple.zone);
  if (!key.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--quote: ", key.status().message()));
  }
  const auto tuple = WireTuple::Of(*key);
  if (!tuple.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--quote: ", tuple.status().message()));
  }
  if (tuple->layout != draft->batch.layout()) {
    return absl::InvalidArgumentError("--quote is of another family than the packet");
  }
  v1::IcmpErrorColumns* const errors = draft->batch.mutable_icmp_errors();
  errors->add_index(0);
  tuple->AddTo(errors);
  errors->add_protocol(static_cast<uint32_t>(key->protocol()));
  draft->shape |= kSparse << 24;
  constexpr uint32_t kQuotedBytes = 8;
  draft->header_bytes +=
      kQuotedBytes +
      (draft->batch.layout() == v1::PACKET_LAYOUT_IPV4 ? kIpv4HeaderBytes : kIpv6HeaderBytes);
  return absl::OkStatus();
}

// What the protocol has: its header, and what else a sensor tells of it.
absl::Status FillTransport(Draft* draft) {
  constexpr uint32_t kEightBytes = 8;
  const v1::Protocol protocol = draft->key.protocol();
  const PacketFlags& flags = draft->flags;
  const bool icmp = protocol == v1::PROTOCOL_ICMP || protocol == v1::PROTOCOL_ICMPV6;
  if (!flags.tcp_flags.empty() && protocol != v1::PROTOCOL_TCP) {
    return absl::InvalidArgumentError("--tcp-flags is for TCP");
  }
  if (!flags.chunks.empty() && protocol != v1::PROTOCOL_SCTP) {
    return absl::InvalidArgumentError("--chunks is for SCTP");
  }
  if (!flags.quote.empty() && !icmp) return absl::InvalidArgumentError("--quote is for ICMP");
  switch (protocol) {
    case v1::PROTOCOL_TCP:
      return FillTcp(draft);
    case v1::PROTOCOL_SCTP:
      return FillSctp(draft);
    case v1::PROTOCOL_ICMP:
    case v1::PROTOCOL_ICMPV6:
      draft->header_bytes = kEightBytes;
      return flags.quote.empty() ? absl::OkStatus() : FillQuote(draft);
    case v1::PROTOCOL_UDP:
    case v1::PROTOCOL_UDPLITE:
    case v1::PROTOCOL_GRE:
      draft->header_bytes = kEightBytes;
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

absl::Status FillTime(const std::string& text, v1::PacketBatch* batch) {
  if (text.empty()) return absl::OkStatus();
  google::protobuf::Timestamp time;
  if (!google::protobuf::util::TimeUtil::FromString(text, &time) || time.seconds() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--time \"", text, "\" is not a time such as 2026-01-02T03:04:05.678Z"));
  }
  batch->set_base_time_unix_ns(
      static_cast<uint64_t>(google::protobuf::util::TimeUtil::TimestampToNanoseconds(time)));
  return absl::OkStatus();
}

}  // namespace

void AddPacketFlags(CLI::App& app, PacketFlags* flags) {
  AddTupleFlags(app, "The packet", &flags->tuple);
  const std::string packet = "The packet";
  app.add_option("--payload", flags->payload_bytes, "Bytes behind the transport header")
      ->type_name("BYTES")
      ->check(CLI::Range(0u, kPayloadMax))
      ->capture_default_str()
      ->group(packet);
  app.add_flag("--bad-checksum", flags->bad_checksum, "Its transport checksum is wrong")
      ->group(packet);
  app.add_flag("--hop-limit-255", flags->hop_limit_255, "Its hop limit, or TTL, is 255")
      ->group(packet);
  app.add_option("--time", flags->time,
                 "When it comes, in a zone on packet time; as early as can be")
      ->type_name("TIME")
      ->group(packet);
  const std::string tcp = "Of TCP";
  app.add_option("--tcp-flags", flags->tcp_flags, "FIN, SYN, RST, PSH, ACK, URG, ECE, CWR")
      ->type_name("FLAG[,FLAG…]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(tcp);
  app.add_option("--seq", flags->sequence, "Sequence number; 0")->type_name("N")->group(tcp);
  app.add_option("--ack", flags->acknowledgment, "Acknowledgement; 0")->type_name("N")->group(tcp);
  app.add_option("--window", flags->window, "Window, as in the header")
      ->type_name("N")
      ->capture_default_str()
      ->group(tcp);
  app.add_option("--window-scale", flags->window_scale, "Option of a SYN")
      ->type_name("N")
      ->check(CLI::Range(0, 255))
      ->group(tcp);
  app.add_flag("--sack-permitted", flags->sack_permitted, "Option of a SYN")->group(tcp);
  const std::string sctp = "Of SCTP";
  app.add_option("--chunks", flags->chunks, "INIT, INIT_ACK, DATA, SACK, ABORT, … in their order")
      ->type_name("CHUNK[,CHUNK…]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(sctp);
  app.add_option("--verification-tag", flags->verification_tag, "0")->type_name("N")->group(sctp);
  app.add_option("--initiate-tag", flags->initiate_tag, "Of an INIT or INIT_ACK; 0")
      ->type_name("N")
      ->group(sctp);
  app.add_option("--quote", flags->quote,
                 "The packet that an error quotes: \"udp src=… dst=… sport=… dport=…\"")
      ->type_name("TUPLE")
      ->group("Of ICMP and ICMPv6");
}

absl::StatusOr<v1::PacketBatch> PacketOf(const PacketFlags& flags) {
  TupleFlags tuple_flags = flags.tuple;
  // Errors have no id.
  if (!flags.quote.empty() && !tuple_flags.icmp_id.has_value()) tuple_flags.icmp_id = 0;
  auto key = KeyOf(tuple_flags);
  if (!key.ok()) return key.status();
  const auto tuple = WireTuple::Of(*key);
  if (!tuple.ok()) return tuple.status();
  Draft draft{.flags = flags, .key = *std::move(key), .batch = {}};
  v1::PacketBatch& batch = draft.batch;
  batch.set_layout(tuple->layout);
  tuple->AddTo(&batch);
  if (absl::Status status = FillTransport(&draft); !status.ok()) return status;
  if (absl::Status status = FillTime(flags.time, &batch); !status.ok()) return status;
  const bool ipv4 = tuple->layout == v1::PACKET_LAYOUT_IPV4;
  const uint32_t length =
      (ipv4 ? kIpv4HeaderBytes : kIpv6HeaderBytes) + draft.header_bytes + flags.payload_bytes;
  draft.shape |= (ipv4 ? kIpv4HeaderBytes / 4 : 0) << 16;
  if (flags.bad_checksum) draft.shape |= kBadChecksum << 24;
  if (flags.hop_limit_255) draft.shape |= kHopLimit255 << 24;
  batch.add_time_delta_ns(0);
  batch.add_kind(length << 16 | draft.tcp_flags << 8 | static_cast<uint32_t>(draft.key.protocol()));
  batch.add_sequence(draft.sequence);
  batch.add_acknowledgment(draft.acknowledgment);
  batch.add_shape(draft.shape);
  return batch;
}

}  // namespace conntrack::cli
