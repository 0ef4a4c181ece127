// Runs every scenario of tests/scenarios on the tracker.
#include "tests/testing/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace conntrack {
namespace {

std::vector<std::string> ScenarioNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CONNTRACK_SCENARIOS)) {
    if (entry.path().extension() == ".ct") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ScenarioTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ScenarioTest, HoldsOnTheTracker) {
  std::ifstream file(std::filesystem::path(CONNTRACK_SCENARIOS) / (GetParam() + ".ct"));
  std::stringstream text;
  text << file.rdbuf();
  const auto cases = ParseScenario(text.str());
  ASSERT_TRUE(cases.ok()) << cases.status().ToString();
  for (const ScenarioCase& scenario : *cases) {
    ASSERT_FALSE(scenario.steps.empty());
    for (const std::string& problem : RunScenario(scenario)) ADD_FAILURE() << problem;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ScenarioTest, ::testing::ValuesIn(ScenarioNames()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace conntrack
