// docs/filter.md is true: its examples compile, its refusals are refused in
// those words, and its table has every field.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/tracker/filter.h"
#include "server/tracker/grouping.h"
#include "server/tracker/ordering.h"
#include "tests/testing/naive_filter.h"

namespace conntrack {
namespace {

std::vector<std::string> ReadPage() {
  std::ifstream file(CONNTRACK_SOURCE_DIR "/docs/filter.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The lines of each block fenced as `kind`.
std::vector<std::vector<std::string>> Blocks(const std::string& kind) {
  std::vector<std::vector<std::string>> blocks;
  bool inside = false;
  for (const std::string& line : ReadPage()) {
    if (line == "```" + kind) {
      inside = true;
      blocks.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back().push_back(line);
    }
  }
  return blocks;
}

FilterOptions Options() {
  FilterOptions options;
  options.slot_count = 256;
  options.sensor_index = [](absl::string_view name) {
    return name == "edge-1" ? std::optional<uint16_t>(1) : std::nullopt;
  };
  return options;
}

TEST(FilterDocTest, EveryExampleCompiles) {
  size_t examples = 0;
  for (const std::vector<std::string>& block : Blocks("filter")) {
    for (const std::string& example : block) {
      EXPECT_TRUE(Filter::Compile(example, Options()).ok())
          << example << "\n"
          << Filter::Compile(example, Options()).status();
      ++examples;
    }
  }
  EXPECT_GT(examples, 30u);
}

TEST(FilterDocTest, EveryRefusalIsRefusedInTheWordsOfThePage) {
  const std::vector<std::vector<std::string>> refusals = Blocks("refused");
  EXPECT_GE(refusals.size(), 5u);
  for (const std::vector<std::string>& refusal : refusals) {
    ASSERT_EQ(refusal.size(), 2u);
    EXPECT_EQ(Filter::Compile(refusal[0], Options()).status(),
              absl::InvalidArgumentError(refusal[1]));
  }
}

TEST(FilterDocTest, GroupsAreTakenAndRefusedAsThePageSays) {
  const auto compile = [](const std::string& field) {
    return Grouping::Compile(std::vector<std::string>{field}, 256).status();
  };
  const std::vector<std::vector<std::string>> examples = Blocks("group");
  ASSERT_EQ(examples.size(), 1u);
  for (const std::string& field : examples[0]) EXPECT_TRUE(compile(field).ok()) << field;
  EXPECT_GE(examples[0].size(), 5u);
  const std::vector<std::vector<std::string>> refusals = Blocks("ungrouped");
  EXPECT_EQ(refusals.size(), 3u);
  for (const std::vector<std::string>& refusal : refusals) {
    ASSERT_EQ(refusal.size(), 2u);
    EXPECT_EQ(compile(refusal[0]), absl::InvalidArgumentError(refusal[1]));
  }
}

TEST(FilterDocTest, OrdersAreTakenAndRefusedAsThePageSays) {
  const std::vector<std::vector<std::string>> examples = Blocks("order");
  ASSERT_EQ(examples.size(), 1u);
  for (const std::string& order : examples[0]) {
    EXPECT_TRUE(Ordering::Compile(order, 256).ok()) << order;
  }
  const std::vector<std::vector<std::string>> refusals = Blocks("unordered");
  EXPECT_EQ(refusals.size(), 2u);
  for (const std::vector<std::string>& refusal : refusals) {
    ASSERT_EQ(refusal.size(), 2u);
    EXPECT_EQ(Ordering::Compile(refusal[0], 256).status(), absl::InvalidArgumentError(refusal[1]));
  }
}

TEST(FilterDocTest, TheTableHasEveryField) {
  std::set<std::string> documented;
  for (const std::string& line : ReadPage()) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "| `")) continue;
    documented.insert(std::string(rest.substr(0, rest.find('`'))));
  }
  const std::vector<std::string>& names = testing::NaiveFieldNames();
  EXPECT_EQ(documented, std::set<std::string>(names.begin(), names.end()));
}

}  // namespace
}  // namespace conntrack
