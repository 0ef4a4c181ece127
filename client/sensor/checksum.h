// The Internet checksum (RFC 1071), and what a transport checksum that does not
// hold says: that the packet is damaged, or that its sender left the sum to its
// network card.
//
// Pure functions. Costs one pass over the bytes, a word at a time.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

// The one's complement sum of 16-bit words in the machine's byte order, not
// folded; an odd last byte counts as if a zero followed. Sums of up to 2^31
// words add up without overflow.
uint64_t SumWords(Bytes bytes);

// Folds a sum to 16 bits, carries included.
uint16_t FoldSum(uint64_t sum);

// Whether a header or segment that contains its own checksum is intact.
bool ChecksumHolds(uint64_t sum);

// The sum of the pseudo-header of `packet` for a segment of `length` bytes
// (RFC 9293 3.1, RFC 8200 8.1).
uint64_t PseudoHeaderSum(const Packet& packet, uint8_t protocol, uint32_t length);

// 0, kChecksumBad or kChecksumUnknown for `segment`, all of whose bytes the
// capture has, with its checksum field at `field_offset`.
//
// A field that holds the sum of the pseudo-header and nothing else is what a
// card that completes the sum expects (with the length, or without it when the
// card also cuts the segment), so it says nothing about the packet on the wire.
//
// REQUIRES: segment.size() >= field_offset + 2.
uint8_t CheckSegment(const Packet& packet, uint8_t protocol, Bytes segment, uint32_t field_offset);

}  // namespace conntrack::sensor
