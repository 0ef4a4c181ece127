// Replays the kernel's recorded answers, by way of the sensor's decoder and the
// columns of a batch, on the tracker.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/differential/decoded_packet.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

class GoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, TrackerAnswersAsTheKernelDid) {
  std::ifstream file(std::filesystem::path(CONNTRACK_GOLDEN) / (std::string(GetParam()) + ".txt"));
  std::stringstream text;
  text << file.rdbuf();
  const auto cases = ParseScenario(text.str());
  ASSERT_TRUE(cases.ok()) << cases.status().ToString();
  size_t packets = 0;
  for (const ScenarioCase& scenario : *cases) {
    ASSERT_FALSE(scenario.recorded.empty());
    packets += scenario.steps.size();
    for (const std::string& problem : RunScenario(scenario, DecodedPacketSource()))
      ADD_FAILURE() << problem;
  }
  EXPECT_GE(packets, 1000u);
}

INSTANTIATE_TEST_SUITE_P(Recorded, GoldenTest,
                         ::testing::Values("tcp", "udp", "udplite", "icmp", "sctp", "gre",
                                           "generic"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace conntrack
