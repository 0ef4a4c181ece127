// A second, slow evaluation of filters, written from docs/filter.md alone: for
// tests that compare it with the compiled one. It shares no code with
// server/tracker/filter*: fields are looked up by name, addresses are strings of
// bits, numbers are 128 bits wide, and a tree prints its own text.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/tracker/connection.h"
#include "tests/testing/random.h"

namespace conntrack::testing {

__extension__ typedef __int128 WideNumber;

// A value of a field: either a number (a duration in nanoseconds, an enum, a
// boolean) or an address.
struct NaiveValue {
  WideNumber number = 0;
  // '0' and '1', the first bit of the address first; of a Community ID the digest's
  // bytes; empty for numbers.
  std::string bits;
  // For a test of the mark: the bits that count. 0: all.
  WideNumber mask = 0;
};

// What filters must know of the tracker.
struct NaiveContext {
  uint32_t slot_count = 256;
  std::map<std::string, uint16_t> sensors;
};

// Every field's name.
const std::vector<std::string>& NaiveFieldNames();

// The values of a field: none when the connection does not have it, two for
// `address` and `port`.
std::vector<NaiveValue> NaiveValuesOf(const std::string& field, const ConnectionRef& connection,
                                      Time now, const NaiveContext& context);

struct NaiveFilter {
  enum class Kind { kAll, kAny, kNot, kTest };

  Kind kind = Kind::kTest;
  std::vector<NaiveFilter> children;
  // Of a test: one of = != < <= > >= :* ip_in, or : for a value among several.
  std::string field;
  std::string op;
  // For ip_in: the family as number, and only the bits of the prefix.
  NaiveValue value;

  bool Matches(const ConnectionRef& connection, Time now, const NaiveContext& context) const;

  // One of the texts that mean this filter.
  std::string Print(Random* random, const NaiveContext& context) const;

 private:
  std::string PrintChild(const NaiveFilter& child, Random* random,
                         const NaiveContext& context) const;
};

// A filter of at most `tests_max` tests. Values come from `connection`, or from
// near by, so that tests are true often enough to matter.
NaiveFilter RandomFilter(size_t tests_max, const ConnectionRef& connection, Time now,
                         const NaiveContext& context, Random* random);

// A connection as a tracker might hold it.
StoredConnection RandomConnection(Time now, Random* random);

}  // namespace conntrack::testing
