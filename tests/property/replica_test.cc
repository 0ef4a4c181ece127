// What Replica must not take for a fault.
#include "tests/property/replica.h"

#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "server/resume_token.h"

namespace conntrack::testing {
namespace {

constexpr uint32_t kSlot = 0;
constexpr uint64_t kId = 10;

v1::WatchResponse EventOf(uint64_t sequence, v1::EventType type) {
  v1::WatchResponse response;
  v1::SequenceRange* const range = response.mutable_events()->add_ranges();
  range->set_slot(kSlot);
  range->set_first_sequence(sequence);
  range->set_last_sequence(sequence);
  v1::Event* const event = response.mutable_events()->add_events();
  event->set_type(type);
  event->set_slot(kSlot);
  event->set_sequence(sequence);
  event->mutable_connection()->set_id(kId);
  return response;
}

v1::WatchResponse Row() {
  v1::WatchResponse response;
  response.mutable_snapshot()->add_connections()->set_id(kId);
  return response;
}

v1::WatchResponse EndAt(uint64_t sequence) {
  v1::WatchResponse response;
  response.mutable_snapshot_end()->set_connections(1);
  response.mutable_snapshot_end()->set_resume_token(EncodeResumeToken({1, {sequence}}));
  return response;
}

std::string FaultsOf(const std::vector<v1::WatchResponse>& stream) {
  Replica replica(1, /*filtered=*/true, /*snapshot=*/true);
  for (const v1::WatchResponse& response : stream) replica.Take(response);
  return absl::StrJoin(replica.faults(), "\n");
}

TEST(ReplicaTest, WhatLeftAndCameAgainMayBeInTheSnapshot) {
  const v1::WatchResponse matches = EventOf(1, v1::EVENT_TYPE_UPDATE);
  const v1::WatchResponse leaves = EventOf(2, v1::EVENT_TYPE_LEFT);
  const v1::WatchResponse matches_again = EventOf(3, v1::EVENT_TYPE_UPDATE);
  EXPECT_EQ(FaultsOf({matches, leaves, matches_again, Row(), EndAt(3)}), "");
  EXPECT_EQ(FaultsOf({matches, leaves, Row(), EndAt(2)}), "connection 10 came after it left");
}

TEST(ReplicaTest, WhereASlotStandsIsKnownFromTheEndOfTheSnapshot) {
  Replica replica(1, /*filtered=*/false, /*snapshot=*/true);
  replica.Take(Row());
  replica.Take(EndAt(7));
  EXPECT_TRUE(replica.Reaches(kSlot, 7));
  EXPECT_TRUE(replica.BeginsBehind(kSlot, 6));
  EXPECT_FALSE(replica.BeginsBehind(kSlot, 7));
}

}  // namespace
}  // namespace conntrack::testing
