#include "tests/bench/frames.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "client/sensor/checksum.h"
#include "server/tracker/check.h"

namespace conntrack::bench {
namespace {

constexpr size_t kEthernetBytes = 14;
constexpr size_t kIpv4Bytes = 20;
constexpr size_t kIpv6Bytes = 40;
constexpr size_t kTcpBytes = 20;
constexpr int kSnaplenBytes = 65'535;

// Writes numbers in network byte order.
class Writer {
 public:
  explicit Writer(std::string* bytes) : bytes_(*bytes) {}

  template <typename Number>
  Writer& Put(Number number) {
    for (int shift = static_cast<int>(sizeof(Number)) * 8 - 8; shift >= 0; shift -= 8) {
      bytes_.push_back(static_cast<char>(number >> shift));
    }
    return *this;
  }
  Writer& Put(const Address& address, Family family) {
    if (family == Family::kIpv4) return Put(static_cast<uint32_t>(address.low));
    return Put(address.high).Put(address.low);
  }

 private:
  std::string& bytes_;
};

sensor::Bytes BytesOf(const std::string& text, size_t begin, size_t count) {
  return sensor::Bytes(reinterpret_cast<const uint8_t*>(text.data()) + begin, count);
}

// The checksum that makes the bytes with this sum hold. SumWords counts in the
// machine's byte order, and so does this.
void PutChecksum(uint64_t sum, size_t place, std::string* frame) {
  const auto checksum = static_cast<uint16_t>(~sensor::FoldSum(sum));
  std::memcpy(frame->data() + place, &checksum, sizeof(checksum));
}

void PutNetworkHeader(const Packet& packet, std::string* frame) {
  Writer writer(frame);
  if (packet.family == Family::kIpv4) {
    const size_t begin = frame->size();
    writer.Put(uint16_t{0x4500}).Put(static_cast<uint16_t>(packet.total_length));
    writer.Put(uint32_t{0x4000}).Put(uint8_t{64}).Put(packet.protocol).Put(uint16_t{0});
    writer.Put(packet.source, packet.family).Put(packet.destination, packet.family);
    PutChecksum(sensor::SumWords(BytesOf(*frame, begin, kIpv4Bytes)), begin + 10, frame);
  } else {
    writer.Put(uint32_t{0x6000'0000});
    writer.Put(static_cast<uint16_t>(packet.total_length - kIpv6Bytes));
    writer.Put(packet.protocol).Put(uint8_t{64});
    writer.Put(packet.source, packet.family).Put(packet.destination, packet.family);
  }
}

void PutTcp(const Packet& packet, std::string* frame) {
  const size_t addresses = packet.family == Family::kIpv4 ? 8 : 32;
  const size_t begin = frame->size();
  Writer writer(frame);
  writer.Put(packet.ports).Put(packet.sequence).Put(packet.acknowledgment);
  writer.Put(uint8_t{0x50}).Put(packet.tcp_flags).Put(packet.window).Put(uint32_t{0});
  frame->append(packet.payload_length, '\0');
  std::string length;
  Writer(&length).Put(static_cast<uint16_t>(kTcpBytes + packet.payload_length));
  Writer(&length).Put(uint16_t{packet.protocol});
  const uint64_t pseudo_header = sensor::SumWords(BytesOf(*frame, begin - addresses, addresses)) +
                                 sensor::SumWords(BytesOf(length, 0, length.size()));
  PutChecksum(
      pseudo_header + sensor::SumWords(BytesOf(*frame, begin, kTcpBytes + packet.payload_length)),
      begin + 16, frame);
}

void Dump(const std::string& frame, uint64_t micros, pcap_dumper_t* dumper) {
  pcap_pkthdr header = {};
  header.ts.tv_sec = static_cast<time_t>(1'700'000'000 + micros / 1'000'000);
  header.ts.tv_usec = static_cast<suseconds_t>(micros % 1'000'000);
  header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
  pcap_dump(reinterpret_cast<u_char*>(dumper), &header,
            reinterpret_cast<const u_char*>(frame.data()));
}

}  // namespace

std::string MakeFrame(const Packet& packet) {
  CT_CHECK(packet.protocol == kProtocolTcp);
  std::string frame;
  frame.reserve(kEthernetBytes + packet.total_length);
  // Of locally administered stations.
  Writer(&frame).Put(uint32_t{0x0200'0000}).Put(uint16_t{1}).Put(uint32_t{0x0200'0000});
  Writer(&frame)
      .Put(uint16_t{2})
      .Put(static_cast<uint16_t>(packet.family == Family::kIpv4 ? 0x0800 : 0x86DD));
  PutNetworkHeader(packet, &frame);
  PutTcp(packet, &frame);
  return frame;
}

void WriteCapture(const std::string& path, uint64_t packets, Workload* workload) {
  pcap_t* const pcap = pcap_open_dead(DLT_EN10MB, kSnaplenBytes);
  CT_CHECK(pcap != nullptr);
  pcap_dumper_t* const dumper = pcap_dump_open(pcap, path.c_str());
  CT_CHECK(dumper != nullptr);
  std::vector<Packet> batch;
  for (uint32_t number = 0; number < workload->connections(); ++number) {
    workload->AppendOpening(number, &batch);
  }
  CT_CHECK(batch.size() <= packets);
  uint64_t written = 0;
  while (written < packets) {
    for (const Packet& packet : batch) Dump(MakeFrame(packet), written++, dumper);
    batch.resize(std::min<uint64_t>(4096, packets - written));
    workload->Fill(batch);
  }
  CT_CHECK(pcap_dump_flush(dumper) == 0);
  pcap_dump_close(dumper);
  pcap_close(pcap);
}

}  // namespace conntrack::bench
