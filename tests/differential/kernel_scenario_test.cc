// Runs the scenarios on the live kernel: what they expect of the tracker is what
// Linux does.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "tests/differential/kernel_subject.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

// What a kernel does not tell.
Fields ForKernel(const Fields& expected) {
  Fields kept;
  for (const auto& field : expected) {
    const std::string& key = field.first;
    const bool ours =
        key == "reason" || key == "open" || key == "evicted" || absl::StartsWith(key, "gauge_");
    if (!ours) kept.push_back(field);
  }
  return kept;
}

void RunOnKernel(const ScenarioCase& scenario, KernelSubject* kernel) {
  ASSERT_TRUE(kernel->Reset(scenario.settings).ok());
  const Endpoints endpoints = DefaultEndpoints(scenario.family);
  for (const ScenarioStep& step : scenario.steps) {
    ASSERT_FALSE(step.look) << "line " << step.line << ": a kernel's clock does not jump";
    kernel->WaitUntil(step.spec.time);
    const auto seen = kernel->Send(step.spec, endpoints);
    ASSERT_TRUE(seen.ok()) << seen.status().ToString();
    const std::string difference =
        Difference(ForKernel(step.expected), Describe(*seen, endpoints), 1);
    EXPECT_TRUE(difference.empty()) << "line " << step.line << ": " << difference;
  }
}

TEST(KernelScenarioTest, KernelAnswersAsTheScenariosSay) {
  auto kernel = KernelSubject::Create();
  if (!kernel.ok()) GTEST_SKIP() << kernel.status().ToString();
  size_t run = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CONNTRACK_SCENARIOS)) {
    SCOPED_TRACE(entry.path().filename().string());
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const auto cases = ParseScenario(text.str());
    ASSERT_TRUE(cases.ok()) << cases.status().ToString();
    for (const ScenarioCase& scenario : *cases) {
      if (scenario.tracker_only) continue;
      RunOnKernel(scenario, kernel->get());
      ++run;
    }
  }
  EXPECT_GE(run, 180u);
}

}  // namespace
}  // namespace conntrack
