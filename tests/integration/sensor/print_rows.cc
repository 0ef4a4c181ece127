// Prints what the sensor would send for a capture, one line a packet, read back
// from the columns: time, family, protocol, addresses, ports, TCP numbers,
// lengths, flags. Lines that begin with '#' hold the ledger, and the numbers of
// the frames that are discarded or fragments.
#include <arpa/inet.h>

#include <cinttypes>
#include <cstdio>
#include <map>
#include <string>

#include "client/sensor/bytes.h"
#include "client/sensor/capture.h"
#include "client/sensor/pipeline.h"

namespace conntrack::sensor {
namespace {

std::string Text(int family, const void* bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, bytes, text, sizeof(text));
  return text;
}

std::string AddressAt(const google::protobuf::RepeatedField<uint32_t>& ipv4,
                      const std::string& ipv6, bool is_ipv6, int i) {
  if (is_ipv6) return Text(AF_INET6, ipv6.data() + static_cast<size_t>(i) * 16);
  const uint32_t address = htonl(ipv4.Get(i));
  return Text(AF_INET, &address);
}

void PrintBatch(const v1::PacketBatch& batch) {
  const bool ipv6 = batch.layout() == v1::PACKET_LAYOUT_IPV6;
  std::map<uint32_t, uint32_t> long_totals;
  for (int i = 0; i < batch.long_lengths().index_size(); ++i) {
    long_totals[batch.long_lengths().index(i)] = batch.long_lengths().total_length(i);
  }
  std::map<uint32_t, int> malformed;
  for (int i = 0; i < batch.malformed().index_size(); ++i) {
    malformed[batch.malformed().index(i)] = batch.malformed().reason(i);
  }
  for (int i = 0; i < batch.kind_size(); ++i) {
    const auto index = static_cast<uint32_t>(i);
    const uint32_t kind = batch.kind(i);
    const uint32_t total = long_totals.count(index) != 0 ? long_totals[index] : kind >> 16;
    const int reason = malformed.count(index) != 0 ? malformed[index] : 0;
    std::printf("%" PRIu64 "\t%d\t%u\t%s\t%s\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t0x%02x\t%d\n",
                batch.base_time_unix_ns() + batch.time_delta_ns(i), ipv6 ? 6 : 4, kind & 0xff,
                AddressAt(batch.source(), batch.source_ipv6(), ipv6, i).c_str(),
                AddressAt(batch.destination(), batch.destination_ipv6(), ipv6, i).c_str(),
                batch.ports(i) >> 16, batch.ports(i) & 0xffff, total, kind >> 8 & 0xff,
                batch.sequence(i), batch.acknowledgment(i), batch.shape(i) & 0xffff,
                batch.shape(i) >> 24, reason);
  }
}

int Print(const char* path) {
  const auto capture = OpenCaptureFile(path, "", nullptr);
  if (!capture.ok()) {
    std::fprintf(stderr, "%s\n", std::string(capture.status().message()).c_str());
    return 2;
  }
  Pipeline pipeline(PipelineOptions{}, PrintBatch);
  Decoded decoded{};
  uint64_t number = 0;
  const absl::Status read = (*capture)->Run(
      [&](const Frame& frame) {
        pipeline.Take(frame);
        Decode(frame, Checksums::kVerify, decoded);
        ++number;
        if (decoded.kind == Decoded::Kind::kDiscarded) {
          std::printf("#frame\t%" PRIu64 "\t%s\n", number, DiscardName(decoded.discard));
        } else if (decoded.kind == Decoded::Kind::kFragment) {
          std::printf("#frame\t%" PRIu64 "\tfragment\n", number);
        }
        return true;
      },
      nullptr);
  pipeline.Finish();
  const Ledger ledger = pipeline.ledger();
  std::printf("#read\t%" PRIu64 "\n#decoded\t%" PRIu64 "\n#absorbed\t%" PRIu64 "\n",
              ledger.read_packets, ledger.decoded_packets, ledger.absorbed_fragments);
  for (size_t i = 0; i < kDiscardReasons; ++i) {
    if (ledger.discarded[i] == 0) continue;
    std::printf("#discarded\t%s\t%" PRIu64 "\n", DiscardName(static_cast<Discard>(i)),
                ledger.discarded[i]);
  }
  if (!read.ok()) std::printf("#error\t%s\n", std::string(read.message()).c_str());
  return 0;
}

}  // namespace
}  // namespace conntrack::sensor

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CAPTURE\n", argv[0]);
    return 1;
  }
  return conntrack::sensor::Print(argv[1]);
}
