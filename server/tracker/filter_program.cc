#include "server/tracker/filter_program.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <utility>

#include "server/tracker/check.h"
#include "server/tracker/tuple.h"

namespace conntrack {
namespace {

// What a field costs to read: the cache lines of the record come in order, and
// Extra and IPv6 addresses lie elsewhere.
uint32_t CostOf(FilterField field) {
  switch (field) {
    case FilterField::kProtocol:
    case FilterField::kFamily:
      return 1;
    case FilterField::kOriginalSourcePort:
    case FilterField::kOriginalDestinationPort:
    case FilterField::kReplySourcePort:
    case FilterField::kReplyDestinationPort:
    case FilterField::kPort:
    case FilterField::kIcmpType:
    case FilterField::kIcmpCode:
    case FilterField::kIcmpId:
    case FilterField::kGreSourceKey:
    case FilterField::kGreDestinationKey:
      return 2;
    case FilterField::kOriginalSource:
    case FilterField::kOriginalDestination:
    case FilterField::kReplySource:
    case FilterField::kReplyDestination:
    case FilterField::kAddress:
      return 4;
    case FilterField::kZone:
    case FilterField::kId:
    case FilterField::kSlot:
    case FilterField::kMark:
    case FilterField::kMarkBits:
    case FilterField::kLabels:
    case FilterField::kAge:
      return 8;
    case FilterField::kCommunityId:
      return 256;
    default:
      return 3;
  }
}

// Orders the children of every join by what they cost. Tests change nothing, so
// their order is free.
void SortByCost(FilterPlan* plan) {
  if (plan->kind == FilterPlan::Kind::kTest) {
    plan->cost = CostOf(plan->test.field);
    return;
  }
  plan->cost = 0;
  for (FilterPlan& child : plan->children) {
    SortByCost(&child);
    plan->cost += child.cost;
  }
  std::stable_sort(plan->children.begin(), plan->children.end(),
                   [](const FilterPlan& a, const FilterPlan& b) { return a.cost < b.cost; });
}

// The slot of what a test asks for that must be true.
std::optional<uint32_t> OnlySlot(const FilterPlan& plan, uint32_t slot_count) {
  if (plan.kind == FilterPlan::Kind::kAll) {
    for (const FilterPlan& child : plan.children) {
      if (const auto slot = OnlySlot(child, slot_count)) return slot;
    }
  }
  if (plan.kind != FilterPlan::Kind::kTest) return std::nullopt;
  const FilterTest& test = plan.test;
  const bool names_slot = test.field == FilterField::kId || test.field == FilterField::kSlot;
  if (!names_slot || test.negated || test.inverted || test.range.span != 0) return std::nullopt;
  return static_cast<uint32_t>(test.range.low % slot_count);
}

bool InRange(const FilterTest& test, uint64_t value) {
  return value - test.range.low <= test.range.span;
}

bool InNetwork(const FilterTest& test, const Address& address) {
  const FilterNetwork& network = test.network;
  return (address.high & network.mask.high) == network.value.high &&
         (address.low & network.mask.low) == network.value.low;
}

enum class Outcome : uint8_t { kMiss, kHit, kAbsent };

Outcome HitIf(bool hit) { return hit ? Outcome::kHit : Outcome::kMiss; }

[[gnu::always_inline]] inline Outcome RunOnAddress(FilterField field, const FilterTest& test,
                                                   const ConnectionRef& connection) {
  if (connection.family() != test.network.family) return Outcome::kMiss;
  if (field != FilterField::kAddress) return HitIf(InNetwork(test, AddressIn(field, connection)));
  return HitIf(InNetwork(test, AddressIn(FilterField::kOriginalSource, connection)) ||
               InNetwork(test, AddressIn(FilterField::kOriginalDestination, connection)));
}

// Runs a test; `field` is its field, so that one known to the compiler leaves no
// question open.
template <typename Now>
[[gnu::always_inline]] inline bool Passes(FilterField field, const FilterTest& test,
                                          const ConnectionRef& connection, uint32_t slot_count,
                                          Now now) {
  Outcome outcome = Outcome::kAbsent;
  if (field >= FilterField::kOriginalSource && field <= FilterField::kAddress) {
    outcome = RunOnAddress(field, test, connection);
  } else if (field == FilterField::kStatus || field == FilterField::kLabels ||
             field == FilterField::kMarkBits) {
    outcome = HitIf(InNetwork(test, BitsIn(field, connection)));
  } else if (field == FilterField::kCommunityId) {
    outcome = HitIf(CommunityIdOf(connection) == test.community_id);
  } else if (field == FilterField::kPort) {
    const uint32_t ports = connection.record().ports;
    if (HasPorts(connection.protocol())) {
      outcome = HitIf(InRange(test, SourcePort(ports)) || InRange(test, DestinationPort(ports)));
    }
  } else if (const auto number = NumberIn(field, connection, slot_count, now)) {
    outcome = HitIf(InRange(test, *number));
  }
  const bool passes = outcome != Outcome::kAbsent && (outcome == Outcome::kHit) != test.negated;
  return passes != test.inverted;
}

// The connections among `bits` that pass a test of `kField`.
template <FilterField kField>
uint64_t RunOnBlock(const FilterTest& test, const ConnectionBlock& block, uint64_t bits,
                    uint32_t slot_count, ZoneNow now_of) {
  uint64_t passed = 0;
  for (; bits != 0; bits &= bits - 1) {
    const auto place = static_cast<uint32_t>(std::countr_zero(bits));
    const ConnectionRef connection = block.at(place);
    const bool passes =
        Passes(kField, test, connection, slot_count, [&] { return now_of(connection.record()); });
    passed |= uint64_t{passes} << place;
  }
  return passed;
}

using BlockRunner = uint64_t (*)(const FilterTest&, const ConnectionBlock&, uint64_t, uint32_t,
                                 ZoneNow);

template <size_t... kNumbers>
constexpr std::array<BlockRunner, kFilterFields> MakeBlockRunners(
    std::index_sequence<kNumbers...>) {
  return {RunOnBlock<static_cast<FilterField>(kNumbers)>...};
}

// By field.
constexpr std::array<BlockRunner, kFilterFields> kBlockRunners =
    MakeBlockRunners(std::make_index_sequence<kFilterFields>());

}  // namespace

FilterProgram::FilterProgram(FilterPlan plan, uint32_t slot_count) : slot_count_(slot_count) {
  CT_CHECK(slot_count > 0);
  only_slot_ = OnlySlot(plan, slot_count);
  SortByCost(&plan);
  start_ = Append(plan, kAccept, kReject);
}

uint16_t FilterProgram::Append(const FilterPlan& plan, uint16_t on_true, uint16_t on_false) {
  if (plan.kind == FilterPlan::Kind::kTest) {
    const auto place = static_cast<uint16_t>(tests_.size());
    CT_CHECK(place < kFilterTestsMax);
    tests_.push_back(plan.test);
    tests_.back().on_true = on_true;
    tests_.back().on_false = on_false;
    return place;
  }
  const bool all = plan.kind == FilterPlan::Kind::kAll;
  // The last child gives the answer; those before it pass on to the next, or
  // know the answer.
  uint16_t next = all ? on_true : on_false;
  for (auto child = plan.children.rbegin(); child != plan.children.rend(); ++child) {
    next = all ? Append(*child, next, on_false) : Append(*child, on_true, next);
  }
  return next;
}

size_t FilterProgram::cost() const {
  constexpr size_t kDigestCost = 16;
  return std::accumulate(tests_.begin(), tests_.end(), size_t{0},
                         [](size_t sum, const FilterTest& test) {
                           return sum + (test.field == FilterField::kCommunityId ? kDigestCost : 1);
                         });
}

bool FilterProgram::Matches(const ConnectionRef& connection, Time now) const {
  uint16_t next = start_;
  while (next < kReject) {
    const FilterTest& test = tests_[next];
    const bool passes = Passes(test.field, test, connection, slot_count_, [now] { return now; });
    next = passes ? test.on_true : test.on_false;
  }
  return next == kAccept;
}

uint64_t FilterProgram::Match(const ConnectionBlock& block, ZoneNow now_of) const {
  // By test, who came so far.
  std::array<uint64_t, kFilterTestsMax> reached;
  std::fill_n(reached.begin(), tests_.size(), 0);
  reached[start_] = block.in_use;
  uint64_t accepted = 0;
  const auto go_on = [&](uint16_t next, uint64_t bits) {
    if (next == kAccept) {
      accepted |= bits;
    } else if (next != kReject) {
      reached[next] |= bits;
    }
  };
  for (size_t place = tests_.size(); place-- > 0;) {
    const uint64_t bits = reached[place];
    if (bits == 0) continue;
    const FilterTest& test = tests_[place];
    const BlockRunner run = kBlockRunners[static_cast<size_t>(test.field)];
    const uint64_t passed = run(test, block, bits, slot_count_, now_of);
    go_on(test.on_true, passed);
    go_on(test.on_false, bits & ~passed);
  }
  return accepted;
}

}  // namespace conntrack
