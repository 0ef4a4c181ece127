// WireWriter writes protobuf's wire format field by field, for the few messages
// that are made so often that filling generated classes costs too much. Fields
// in the order of their numbers give the bytes that the generated class gives.
//
// Not thread-safe. Checks no room: the caller knows the most that it writes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "server/tracker/check.h"

namespace conntrack {

class WireWriter {
 public:
  // Bytes behind the last field that may be written too.
  static constexpr size_t kSlack = 8;

  // Writes from `to` on.
  explicit WireWriter(char* to) : to_(to) {}

  // Behind what was written.
  char* end() const { return to_; }

  // A field of type uint32, uint64, bool or enum, or a number of another integer
  // type converted to uint64. Nothing for 0.
  void Number(int field, uint64_t value) {
    if (value != 0) PresentNumber(field, value);
  }
  // The same, but also for 0: in an optional field or a oneof.
  void PresentNumber(int field, uint64_t value) {
    Tag(field, kVarint);
    Varint(value);
  }

  // One value of a packed field, between BeginShort and EndShort.
  void PackedNumber(uint64_t value) { Varint(value); }

  // The head of a message whose `length` bytes follow, here or elsewhere.
  void Head(int field, size_t length) {
    Tag(field, kLengthDelimited);
    Varint(length);
  }

  // A string. Nothing when it is empty. REQUIRES: less than 128 bytes.
  void ShortText(int field, absl::string_view text) {
    if (text.empty()) return;
    char* const begin = BeginShort(field);
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
    EndShort(begin);
  }

  // A message or string of less than 128 bytes: what is written until
  // EndShort, which takes what BeginShort returned.
  char* BeginShort(int field) {
    Tag(field, kLengthDelimited);
    return ++to_;
  }
  void EndShort(char* begin) { begin[-1] = static_cast<char>(to_ - begin); }

  // A message of less than 16,384 bytes, in the same way.
  char* BeginLong(int field) {
    Tag(field, kLengthDelimited);
    return to_ += 2;
  }
  void EndLong(char* begin) {
    const auto length = static_cast<size_t>(to_ - begin);
    if (length < 0x80) {
      begin[-2] = static_cast<char>(length);
      std::memmove(begin - 1, begin, length);
      --to_;
    } else {
      begin[-2] = static_cast<char>(length | 0x80);
      begin[-1] = static_cast<char>(length >> 7);
    }
  }

 private:
  static constexpr uint32_t kVarint = 0;
  static constexpr uint32_t kLengthDelimited = 2;

  // With a constant field one or two bytes known to the compiler.
  void Tag(int field, uint32_t type) {
    const uint32_t tag = static_cast<uint32_t>(field) << 3 | type;
    if (tag >= 0x80) {
      *to_++ = static_cast<char>(tag | 0x80);
      *to_++ = static_cast<char>(tag >> 7);
    } else {
      *to_++ = static_cast<char>(tag);
    }
  }

  void Varint(uint64_t value) {
    if (value < 0x80) {
      *to_++ = static_cast<char>(value);
      return;
    }
    if (value >> 56 != 0) {
      for (; value >= 0x80; value >>= 7) *to_++ = static_cast<char>(value | 0x80);
      *to_++ = static_cast<char>(value);
      return;
    }
    // Up to 8 groups of 7 bits, each moved into a byte of its own, without a
    // branch that depends on the length.
    const auto length = static_cast<uint32_t>(std::bit_width(value) + 6) / 7;
    value = (value & 0x0FFF'FFFF) | (value & 0x00FF'FFFF'F000'0000) << 4;
    value = (value & 0x0000'3FFF'0000'3FFF) | (value & 0x0FFF'C000'0FFF'C000) << 2;
    value = (value & 0x007F'007F'007F'007F) | (value & 0x3F80'3F80'3F80'3F80) << 1;
    constexpr uint64_t kMore = 0x8080'8080'8080'8080;
    value |= kMore & ((uint64_t{1} << (8 * (length - 1))) - 1);
    std::memcpy(to_, &value, sizeof(value));
    to_ += length;
  }

  char* to_;
};

}  // namespace conntrack
