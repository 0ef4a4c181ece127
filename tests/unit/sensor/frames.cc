#include "tests/unit/sensor/frames.h"

#include <arpa/inet.h>

#include <algorithm>

namespace conntrack::sensor::testing {
namespace {

void Put16(size_t offset, uint16_t value, Buffer* bytes) {
  (*bytes)[offset] = static_cast<uint8_t>(value >> 8);
  (*bytes)[offset + 1] = static_cast<uint8_t>(value);
}

Buffer PseudoHeader(const Ip& ip, uint8_t protocol, size_t length) {
  return AddressBytes(ip.source) + AddressBytes(ip.destination) +
         Be32(static_cast<uint32_t>(length)) + Be32(protocol);
}

}  // namespace

Buffer operator+(Buffer head, const Buffer& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

Buffer Be16(uint32_t value) {
  return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

Buffer Be32(uint32_t value) { return Be16(value >> 16) + Be16(value & 0xffff); }

Buffer AddressBytes(const std::string& text) {
  Buffer bytes(text.find(':') == std::string::npos ? 4 : 16);
  if (inet_pton(bytes.size() == 4 ? AF_INET : AF_INET6, text.c_str(), bytes.data()) != 1)
    std::abort();
  return bytes;
}

Address MakeAddress(const std::string& text) {
  Address address{};
  const Buffer bytes = AddressBytes(text);
  std::copy(bytes.begin(), bytes.end(), address.begin());
  return address;
}

uint16_t NaiveChecksum(const Buffer& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<uint16_t>(~sum);
}

Buffer Ipv4(const Ip& ip, const Buffer& payload) {
  const size_t header_length = 20 + ip.options.size();
  const auto total_length = static_cast<uint16_t>(header_length + payload.size());
  Buffer header = Buffer{static_cast<uint8_t>(0x40 + header_length / 4), 0} +
                  Be16(ip.total_length.value_or(total_length)) + Be16(ip.id) +
                  Be16(ip.fragmentation) + Buffer{ip.hop_limit, ip.protocol, 0, 0} +
                  AddressBytes(ip.source) + AddressBytes(ip.destination) + ip.options;
  Put16(10, ip.header_checksum.value_or(NaiveChecksum(header)), &header);
  return header + payload;
}

Ip Ipv6Header(uint8_t next_header) {
  Ip ip;
  ip.source = "2001:db8::1";
  ip.destination = "2001:db8::2";
  ip.protocol = next_header;
  return ip;
}

Buffer Ipv6(const Ip& ip, const Buffer& payload) {
  return Be32(0x60000000) + Be16(ip.total_length.value_or(static_cast<uint16_t>(payload.size()))) +
         Buffer{ip.protocol, ip.hop_limit} + AddressBytes(ip.source) +
         AddressBytes(ip.destination) + payload;
}

Buffer ExtensionHeader(uint8_t next_header, uint8_t units) {
  // One option that pads the rest (RFC 8200 4.2).
  Buffer header(8 + units * 8u);
  header[0] = next_header;
  header[1] = units;
  header[2] = 1;
  header[3] = static_cast<uint8_t>(std::min<size_t>(header.size() - 4, 255));
  return header;
}

Buffer FragmentHeader(uint8_t next_header, uint16_t offset, bool more, uint32_t id) {
  return Buffer{next_header, 0} + Be16(static_cast<uint16_t>(offset | (more ? 1 : 0))) + Be32(id);
}

void PutTransportChecksum(const Ip& ip, uint8_t protocol, size_t offset, Buffer* segment) {
  Put16(offset, 0, segment);
  Put16(offset, NaiveChecksum(PseudoHeader(ip, protocol, segment->size()) + *segment), segment);
}

Buffer TcpSegment(const Ip& ip, const Tcp& tcp, const Buffer& payload) {
  const auto words = static_cast<uint8_t>(5 + tcp.options.size() / 4);
  Buffer segment = Be16(tcp.source_port) + Be16(tcp.destination_port) + Be32(tcp.sequence) +
                   Be32(tcp.acknowledgment) +
                   Buffer{static_cast<uint8_t>(tcp.header_words.value_or(words) << 4), tcp.flags} +
                   Be16(tcp.window) + Be32(0) + tcp.options + payload;
  PutTransportChecksum(ip, 6, 16, &segment);
  return segment;
}

Buffer UdpDatagram(const Ip& ip, uint16_t source_port, uint16_t destination_port,
                   const Buffer& payload, std::optional<uint16_t> length) {
  Buffer datagram = Be16(source_port) + Be16(destination_port) +
                    Be16(length.value_or(static_cast<uint16_t>(8 + payload.size()))) + Be16(0) +
                    payload;
  PutTransportChecksum(ip, 17, 6, &datagram);
  return datagram;
}

Buffer IcmpMessage(uint8_t type, uint8_t code, const Buffer& rest) {
  Buffer message = Buffer{type, code, 0, 0} + rest;
  Put16(2, NaiveChecksum(message), &message);
  return message;
}

Buffer Icmpv6Message(const Ip& ip, uint8_t type, uint8_t code, const Buffer& rest) {
  Buffer message = Buffer{type, code, 0, 0} + rest;
  PutTransportChecksum(ip, 58, 2, &message);
  return message;
}

uint32_t NaiveCrc32c(const Buffer& bytes) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0x82f63b78 & (0 - (crc & 1)));
  }
  return ~crc;
}

Buffer SctpChunk(uint8_t type, uint8_t flags, const Buffer& value, std::optional<uint16_t> length) {
  const Buffer padding((4 - value.size() % 4) % 4, 0);
  return Buffer{type, flags} + Be16(length.value_or(static_cast<uint16_t>(4 + value.size()))) +
         value + padding;
}

Buffer SctpPacket(uint32_t verification_tag, const Buffer& chunks) {
  Buffer packet = Be16(5'000) + Be16(6'000) + Be32(verification_tag) + Be32(0) + chunks;
  const uint32_t crc = NaiveCrc32c(packet);
  for (size_t i = 0; i < 4; ++i) packet[8 + i] = static_cast<uint8_t>(crc >> (8 * i));
  return packet;
}

Buffer SctpInit(uint8_t type, uint32_t initiate_tag) {
  return SctpChunk(type, 0,
                   Be32(initiate_tag) + Be32(65'536) + Be16(10) + Be16(10) + Be32(initiate_tag));
}

Buffer Ethernet(uint16_t type, const Buffer& payload) {
  return Buffer{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2} + Be16(type) + payload;
}

Decoded DecodeFrame(const Buffer& bytes, LinkType type, uint32_t original_length) {
  Decoded decoded{};
  const auto captured_length = static_cast<uint32_t>(bytes.size());
  Decode(Frame{type, 1'700'000'000'000'000'000, bytes, std::max(original_length, captured_length)},
         Checksums::kVerify, decoded);
  return decoded;
}

Decoded DecodeIpv4(const Buffer& packet) { return DecodeFrame(Ethernet(0x0800, packet)); }
Decoded DecodeIpv6(const Buffer& packet) { return DecodeFrame(Ethernet(0x86dd, packet)); }

}  // namespace conntrack::sensor::testing
