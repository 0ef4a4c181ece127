#include "client/cpp/backoff.h"

#include <gtest/gtest.h>

namespace conntrack::client {
namespace {

using std::chrono::milliseconds;

TEST(BackoffTest, DelaysDoubleUpToTheMostWithJitterInTheUpperHalf) {
  for (uint32_t seed = 1; seed < 50; ++seed) {
    Backoff backoff(milliseconds(100), milliseconds(1'000), seed);
    for (int64_t full : {100, 200, 400, 800, 1'000, 1'000, 1'000}) {
      const int64_t delay = backoff.Next().count();
      EXPECT_GE(delay, full / 2) << "seed " << seed;
      EXPECT_LE(delay, full) << "seed " << seed;
    }
  }
}

TEST(BackoffTest, ResetBeginsAgainAtTheLeast) {
  Backoff backoff(milliseconds(100), milliseconds(10'000), 1);
  for (int i = 0; i < 6; ++i) backoff.Next();
  EXPECT_GT(backoff.Next(), milliseconds(1'000));
  backoff.Reset();
  EXPECT_LE(backoff.Next(), milliseconds(100));
}

TEST(BackoffTest, TwoSeedsGiveTwoSequences) {
  Backoff one(milliseconds(1'000), milliseconds(100'000), 1);
  Backoff two(milliseconds(1'000), milliseconds(100'000), 2);
  bool differ = false;
  for (int i = 0; i < 8; ++i) differ |= one.Next() != two.Next();
  EXPECT_TRUE(differ);
}

TEST(BackoffTest, LeastEqualToMostNeverExceedsIt) {
  Backoff backoff(milliseconds(1), milliseconds(1), 1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(backoff.Next(), milliseconds(1));
}

TEST(BackoffTest, TheLargestMostDoesNotOverflow) {
  Backoff backoff(milliseconds(1), milliseconds::max(), 1);
  for (int i = 0; i < 200; ++i) EXPECT_GT(backoff.Next().count(), 0);
}

}  // namespace
}  // namespace conntrack::client
