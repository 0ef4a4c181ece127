#include "server/tracker/filter_program.h"

#include <algorithm>
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
    case FilterField::kAge:
      return 8;
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

bool InRange(const FilterTest& test, uint64_t value) {
  return value - test.range.low <= test.range.span;
}

bool InNetwork(const FilterTest& test, const Address& address) {
  const FilterNetwork& network = test.network;
  return (address.high & network.mask.high) == network.value.high &&
         (address.low & network.mask.low) == network.value.low;
}

uint64_t Biased(Time later, Time earlier) {
  // Unsigned, because no pair of times may overflow.
  return (static_cast<uint64_t>(UnixNanos(later)) - static_cast<uint64_t>(UnixNanos(earlier))) ^
         kSignBit;
}

enum class Outcome : uint8_t { kMiss, kHit, kAbsent };

Outcome HitIf(bool hit) { return hit ? Outcome::kHit : Outcome::kMiss; }

Outcome TestAddress(const FilterTest& test, const ConnectionRef& connection) {
  if (connection.family() != test.network.family) return Outcome::kMiss;
  switch (test.field) {
    case FilterField::kOriginalSource:
      return HitIf(InNetwork(test, connection.source(Direction::kOriginal)));
    case FilterField::kOriginalDestination:
      return HitIf(InNetwork(test, connection.destination(Direction::kOriginal)));
    case FilterField::kReplySource:
      return HitIf(InNetwork(test, connection.source(Direction::kReply)));
    case FilterField::kReplyDestination:
      return HitIf(InNetwork(test, connection.destination(Direction::kReply)));
    default:
      return HitIf(InNetwork(test, connection.source(Direction::kOriginal)) ||
                   InNetwork(test, connection.destination(Direction::kOriginal)));
  }
}

Outcome TestPorts(const FilterTest& test, const ConnectionRef& connection) {
  if (!HasPorts(connection.protocol())) return Outcome::kAbsent;
  switch (test.field) {
    case FilterField::kOriginalSourcePort:
      return HitIf(InRange(test, SourcePort(connection.ports(Direction::kOriginal))));
    case FilterField::kOriginalDestinationPort:
      return HitIf(InRange(test, DestinationPort(connection.ports(Direction::kOriginal))));
    case FilterField::kReplySourcePort:
      return HitIf(InRange(test, SourcePort(connection.ports(Direction::kReply))));
    case FilterField::kReplyDestinationPort:
      return HitIf(InRange(test, DestinationPort(connection.ports(Direction::kReply))));
    default: {
      const uint32_t ports = connection.record().ports;
      return HitIf(InRange(test, SourcePort(ports)) || InRange(test, DestinationPort(ports)));
    }
  }
}

Outcome TestIcmp(const FilterTest& test, const ConnectionRef& connection) {
  const uint8_t icmp = connection.family() == Family::kIpv4 ? kProtocolIcmp : kProtocolIcmpv6;
  if (connection.protocol() != icmp) return Outcome::kAbsent;
  const uint32_t word = connection.ports(Direction::kOriginal);
  switch (test.field) {
    case FilterField::kIcmpType:
      return HitIf(InRange(test, IcmpType(word)));
    case FilterField::kIcmpCode:
      return HitIf(InRange(test, IcmpCode(word)));
    default:
      return HitIf(InRange(test, IcmpId(word)));
  }
}

// Counters and times.
uint64_t AmountOf(FilterField field, const ConnectionRef& connection, Time now) {
  const Counters& original = connection.counters(Direction::kOriginal);
  const Counters& reply = connection.counters(Direction::kReply);
  switch (field) {
    case FilterField::kPackets:
      return original.packets + reply.packets;
    case FilterField::kBytes:
      return original.bytes + reply.bytes;
    case FilterField::kOriginalPackets:
      return original.packets;
    case FilterField::kOriginalBytes:
      return original.bytes;
    case FilterField::kReplyPackets:
      return reply.packets;
    case FilterField::kReplyBytes:
      return reply.bytes;
    case FilterField::kAge:
      return Biased(now, connection.created());
    case FilterField::kIdle:
      return Biased(now, connection.last_seen());
    default:
      return Biased(connection.deadline(), now);
  }
}

Outcome Run(const FilterTest& test, const ConnectionRef& connection, Time now,
            uint32_t slot_count) {
  switch (test.field) {
    case FilterField::kProtocol:
      return HitIf(InRange(test, connection.protocol()));
    case FilterField::kFamily:
      return HitIf(InRange(test, static_cast<uint64_t>(connection.family())));
    case FilterField::kState:
      if (const TcpConnection* tcp = connection.tcp()) {
        return HitIf(InRange(test, FilterStateNumber(tcp->state)));
      }
      if (const SctpConnection* sctp = connection.sctp()) {
        return HitIf(InRange(test, FilterStateNumber(sctp->state)));
      }
      return Outcome::kAbsent;
    case FilterField::kSeenReply:
      return HitIf(InRange(test, connection.Has(status_bit::kSeenReply)));
    case FilterField::kAssured:
      return HitIf(InRange(test, connection.Has(status_bit::kAssured)));
    case FilterField::kSensor:
      return HitIf(InRange(test, connection.record().sensor));
    case FilterField::kZone:
      return HitIf(InRange(test, connection.zone_id()));
    case FilterField::kId:
      return HitIf(InRange(test, connection.id()));
    case FilterField::kSlot:
      return HitIf(InRange(test, connection.id() % slot_count));
    case FilterField::kMark:
      return HitIf(InRange(test, connection.extra().mark));
    case FilterField::kOriginalSource:
    case FilterField::kOriginalDestination:
    case FilterField::kReplySource:
    case FilterField::kReplyDestination:
    case FilterField::kAddress:
      return TestAddress(test, connection);
    case FilterField::kOriginalSourcePort:
    case FilterField::kOriginalDestinationPort:
    case FilterField::kReplySourcePort:
    case FilterField::kReplyDestinationPort:
    case FilterField::kPort:
      return TestPorts(test, connection);
    case FilterField::kIcmpType:
    case FilterField::kIcmpCode:
    case FilterField::kIcmpId:
      return TestIcmp(test, connection);
    default:
      return HitIf(InRange(test, AmountOf(test.field, connection, now)));
  }
}

bool Passes(const FilterTest& test, Outcome outcome) {
  const bool passes = outcome != Outcome::kAbsent && (outcome == Outcome::kHit) != test.negated;
  return passes != test.inverted;
}

}  // namespace

FilterProgram::FilterProgram(FilterPlan plan, uint32_t slot_count) : slot_count_(slot_count) {
  CT_CHECK(slot_count > 0);
  SortByCost(&plan);
  start_ = Append(plan, kAccept, kReject);
}

uint16_t FilterProgram::Append(const FilterPlan& plan, uint16_t on_true, uint16_t on_false) {
  if (plan.kind == FilterPlan::Kind::kTest) {
    const auto place = static_cast<uint16_t>(tests_.size());
    CT_CHECK(place < kReject);
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

bool FilterProgram::Matches(const ConnectionRef& connection, Time now) const {
  uint16_t next = start_;
  while (next < kReject) {
    const FilterTest& test = tests_[next];
    const bool passes = Passes(test, Run(test, connection, now, slot_count_));
    next = passes ? test.on_true : test.on_false;
  }
  return next == kAccept;
}

}  // namespace conntrack
