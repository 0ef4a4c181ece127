#include "server/query_threads.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace conntrack {
namespace {

TEST(QueryThreadsTest, OneMoreThanMayWaitIsRefusedAndNeverRuns) {
  std::promise<void> begun;
  std::promise<void> go_on;
  std::vector<int> ran;
  {
    QueryThreads threads({.threads = 1, .waiting_max = 2});
    ASSERT_TRUE(threads
                    .Run([&] {
                      begun.set_value();
                      go_on.get_future().wait();
                      ran.push_back(0);
                      return false;
                    })
                    .ok());
    // From now on the only thread is taken.
    begun.get_future().wait();
    for (int number : {1, 2, 3}) {
      const absl::Status taken = threads.Run([&ran, number] {
        ran.push_back(number);
        return false;
      });
      EXPECT_EQ(taken.ok(), number < 3);
      if (!taken.ok()) {
        EXPECT_EQ(taken, absl::ResourceExhaustedError("2 queries wait already"));
      }
    }
    go_on.set_value();
  }
  EXPECT_EQ(ran, (std::vector<int>{0, 1, 2}));
}

TEST(QueryThreadsTest, ALongQueryLetsOthersRunBetweenItsSlices) {
  std::promise<void> begun;
  std::promise<void> go_on;
  std::vector<int> ran;
  {
    QueryThreads threads({.threads = 1});
    const auto slices = [&ran](int number, int left) {
      return [&ran, number, left]() mutable {
        ran.push_back(number);
        return --left > 0;
      };
    };
    ASSERT_TRUE(threads
                    .Run([&] {
                      begun.set_value();
                      go_on.get_future().wait();
                      return false;
                    })
                    .ok());
    begun.get_future().wait();
    ASSERT_TRUE(threads.Run(slices(1, 3)).ok());
    ASSERT_TRUE(threads.Run(slices(2, 1)).ok());
    ASSERT_TRUE(threads.Run(slices(3, 2)).ok());
    go_on.set_value();
  }
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3, 1, 3, 1}));
}

}  // namespace
}  // namespace conntrack
