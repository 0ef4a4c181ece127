#include "server/tracker/address_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace conntrack {
namespace {

struct ByteText {
  std::array<char, 3> digits;
  uint8_t length;
};

constexpr std::array<ByteText, 256> MakeByteTexts() {
  std::array<ByteText, 256> texts = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    ByteText& text = texts[byte];
    for (uint32_t power : {100u, 10u, 1u}) {
      if (byte < power && power > 1) continue;
      text.digits[text.length++] = static_cast<char>('0' + byte / power % 10);
    }
  }
  return texts;
}

constexpr std::array<ByteText, 256> kByteTexts = MakeByteTexts();

char* WriteIpv4(uint32_t address, char* to) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    const ByteText& text = kByteTexts[(address >> shift) & 0xFF];
    // All digits there may be, in one move.
    std::memcpy(to, &text, sizeof(text));
    to += text.length;
    *to++ = '.';
  }
  return to - 1;
}

char* WriteHex(uint32_t word, char* to) {
  constexpr char kDigits[] = "0123456789abcdef";
  if (word > 0xFFF) *to++ = kDigits[word >> 12];
  if (word > 0xFF) *to++ = kDigits[word >> 8 & 0xF];
  if (word > 0xF) *to++ = kDigits[word >> 4 & 0xF];
  *to++ = kDigits[word & 0xF];
  return to;
}

struct Run {
  size_t begin = 0;
  size_t length = 0;
};

// RFC 5952 4.2: the longest run of zeros, the first of those, but no single one.
Run LongestZeros(const std::array<uint16_t, 8>& words) {
  Run longest;
  Run run;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] != 0) {
      run = {i + 1, 0};
    } else if (++run.length > longest.length) {
      longest = run;
    }
  }
  return longest.length > 1 ? longest : Run{};
}

char* WriteIpv6(const Address& address, char* to) {
  std::array<uint16_t, 8> words;
  for (size_t i = 0; i < 4; ++i) {
    words[i] = static_cast<uint16_t>(address.high >> (48 - 16 * i));
    words[i + 4] = static_cast<uint16_t>(address.low >> (48 - 16 * i));
  }
  const Run zeros = LongestZeros(words);
  // RFC 5952 5: addresses that hold an IPv4 address show it, as inet_ntop does.
  const bool holds_ipv4 =
      zeros.begin == 0 && (zeros.length == 6 || (zeros.length == 5 && words[5] == 0xFFFF));
  const size_t end = holds_ipv4 ? 6 : words.size();
  for (size_t i = 0; i < end; ++i) {
    if (zeros.length > 0 && i == zeros.begin) {
      *to++ = ':';
      i += zeros.length - 1;
      if (i + 1 == words.size() || i + 1 == end) *to++ = ':';
      continue;
    }
    if (i > 0) *to++ = ':';
    to = WriteHex(words[i], to);
  }
  if (!holds_ipv4) return to;
  if (zeros.length == 5) *to++ = ':';
  return WriteIpv4(static_cast<uint32_t>(address.low), to);
}

}  // namespace

char* WriteAddress(Family family, const Address& address, char* to) {
  if (family == Family::kIpv4) return WriteIpv4(static_cast<uint32_t>(address.low), to);
  return WriteIpv6(address, to);
}

std::string FormatAddress(Family family, const Address& address) {
  std::array<char, kAddressRoom> text;
  return std::string(text.data(), WriteAddress(family, address, text.data()));
}

std::optional<std::pair<Family, Address>> ReadAddress(const std::string& text) {
  // inet_pton stops at a NUL byte.
  if (text.find('\0') != std::string::npos) return std::nullopt;
  in_addr ipv4;
  if (inet_pton(AF_INET, text.c_str(), &ipv4) == 1) {
    return std::pair(Family::kIpv4, Ipv4Address(ntohl(ipv4.s_addr)));
  }
  in6_addr ipv6;
  if (inet_pton(AF_INET6, text.c_str(), &ipv6) != 1) return std::nullopt;
  Address address;
  for (size_t i = 0; i < 8; ++i) {
    address.high = address.high << 8 | ipv6.s6_addr[i];
    address.low = address.low << 8 | ipv6.s6_addr[i + 8];
  }
  return std::pair(Family::kIpv6, address);
}

Address PrefixMask(Family family, uint64_t length) {
  const auto high_bits = [](uint64_t bits) {
    return bits == 0 ? 0 : UINT64_MAX << (64 - std::min<uint64_t>(bits, 64));
  };
  if (family == Family::kIpv4) return {0, high_bits(std::min<uint64_t>(length, 32)) >> 32};
  return {high_bits(length), length > 64 ? high_bits(length - 64) : 0};
}

}  // namespace conntrack
