// Frames for tests, put together layer by layer: Ethernet(0x0800, Ipv4(ip,
// Tcp(...))). Checksums are right unless a test says otherwise; they are made
// byte by byte, by other code than the sensor's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/sensor/decode.h"

namespace conntrack::sensor::testing {

using Buffer = std::vector<uint8_t>;

// One behind the other.
Buffer operator+(Buffer head, const Buffer& tail);
Buffer Be16(uint32_t value);
Buffer Be32(uint32_t value);
// "192.0.2.1" or "2001:db8::1", in network byte order.
Buffer AddressBytes(const std::string& text);
// The same as the decoder writes it.
Address MakeAddress(const std::string& text);

// The Internet checksum of `bytes`.
uint16_t NaiveChecksum(const Buffer& bytes);

struct Ip {
  std::string source = "192.0.2.1";
  std::string destination = "192.0.2.2";
  uint8_t protocol = 6;
  uint8_t hop_limit = 64;
  uint32_t id = 7;
  // Of IPv4: flags and offset in units of 8 bytes.
  uint16_t fragmentation = 0;
  Buffer options;                        // A multiple of 4 bytes.
  std::optional<uint16_t> total_length;  // IPv6: payload length.
  std::optional<uint16_t> header_checksum;
};

Buffer Ipv4(const Ip& ip, const Buffer& payload);

// From 2001:db8::1 to 2001:db8::2.
Ip Ipv6Header(uint8_t next_header);
Buffer Ipv6(const Ip& ip, const Buffer& payload);

// An extension header of `units` times 8 bytes after the first 8.
Buffer ExtensionHeader(uint8_t next_header, uint8_t units = 0);
// `offset` in bytes.
Buffer FragmentHeader(uint8_t next_header, uint16_t offset, bool more, uint32_t id);

struct Tcp {
  uint16_t source_port = 40'000;
  uint16_t destination_port = 80;
  uint32_t sequence = 1'000;
  uint32_t acknowledgment = 0;
  uint8_t flags = 0x02;
  uint16_t window = 65'000;
  Buffer options;  // A multiple of 4 bytes.
  std::optional<uint8_t> header_words;
};

// Each takes the IP header it will stand behind, for the pseudo-header.
Buffer TcpSegment(const Ip& ip, const Tcp& tcp, const Buffer& payload = {});
Buffer UdpDatagram(const Ip& ip, uint16_t source_port, uint16_t destination_port,
                   const Buffer& payload, std::optional<uint16_t> length = {});
// `rest` follows type, code and checksum.
Buffer IcmpMessage(uint8_t type, uint8_t code, const Buffer& rest);
Buffer Icmpv6Message(const Ip& ip, uint8_t type, uint8_t code, const Buffer& rest);

// CRC32c, bit by bit.
uint32_t NaiveCrc32c(const Buffer& bytes);

// Padded to a multiple of 4 bytes; `length` as in the header, when not the true
// one.
Buffer SctpChunk(uint8_t type, uint8_t flags, const Buffer& value = {},
                 std::optional<uint16_t> length = {});
// From port 5,000 to port 6,000.
Buffer SctpPacket(uint32_t verification_tag, const Buffer& chunks);
// An INIT or INIT ACK without optional parameters.
Buffer SctpInit(uint8_t type, uint32_t initiate_tag);

// Writes the checksum of `segment` behind `ip`, of either version, at `offset`.
void PutTransportChecksum(const Ip& ip, uint8_t protocol, size_t offset, Buffer* segment);

Buffer Ethernet(uint16_t type, const Buffer& payload);

// Decodes `bytes` as a whole frame, or as one of which the wire had
// `original_length`.
Decoded DecodeFrame(const Buffer& bytes, LinkType type = LinkType::kEthernet,
                    uint32_t original_length = 0);
// `packet` as the payload of an Ethernet frame.
Decoded DecodeIpv4(const Buffer& packet);
Decoded DecodeIpv6(const Buffer& packet);

}  // namespace conntrack::sensor::testing
