// The one mutant that is switched on. The mutated copies of the tracker's sources
// ask here at every place where they could differ from the originals; which
// number stands for what, mutants.py says.
//
// Not thread-safe: the tracker runs in the thread that switches.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <utility>

namespace conntrack {

// A table cell that has another value, or a condition by its number.
struct Mutation {
  // 0: none.
  int condition = 0;
  // -1: none.
  int table = -1;
  size_t row = 0;
  size_t column = 0;
  int value = 0;
};

inline Mutation mutation;

inline bool Mutant(int condition) { return mutation.condition == condition; }

// What the table says, or the mutant.
template <typename Value>
Value MutantCell(int table, size_t row, size_t column, Value original) {
  const bool here = mutation.table == table && mutation.row == row && mutation.column == column;
  return here ? static_cast<Value>(mutation.value) : original;
}

// The selector of a switch, of whose labels, each after its mutant's number, one
// may be missing.
inline int MutantSwitch(int selector, std::initializer_list<std::pair<int, int>> labels) {
  for (const auto& [condition, label] : labels) {
    if (Mutant(condition) && selector == label) return -1;
  }
  return selector;
}

}  // namespace conntrack
