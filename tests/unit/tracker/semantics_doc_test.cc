// docs/semantics.md is complete: it names every scenario and no other, and its
// table has every setting of a zone with its default, its sysctl and its name in
// scenarios.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/zone_settings.h"
#include "server/convert.h"
#include "tests/differential/kernel_settings.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

using ::testing::IsEmpty;

constexpr char kFolder[] = "../tests/scenarios/";

std::vector<std::string> ReadPage() {
  std::ifstream file(CONNTRACK_SOURCE_DIR "/docs/semantics.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::set<std::string> ScenarioNames() {
  std::set<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(CONNTRACK_SOURCE_DIR "/tests/scenarios")) {
    if (entry.path().extension() == ".ct") names.insert(entry.path().stem().string());
  }
  return names;
}

// What `one` has and `other` has not.
std::set<std::string> Without(const std::set<std::string>& one,
                              const std::set<std::string>& other) {
  std::set<std::string> rest;
  std::set_difference(one.begin(), one.end(), other.begin(), other.end(),
                      std::inserter(rest, rest.begin()));
  return rest;
}

// The page names scenarios as [NAME], and says at its end where each leads:
// [NAME]: ../tests/scenarios/NAME.ct
bool IsTarget(const std::string& line) {
  return absl::StrContains(line, absl::StrCat("]: ", kFolder));
}

std::set<std::string> NamesInBrackets(const std::string& line) {
  std::set<std::string> names;
  for (size_t begin = line.find('['); begin != std::string::npos;
       begin = line.find('[', begin + 1)) {
    const size_t end = line.find(']', begin);
    if (end == std::string::npos) break;
    // What is followed by a parenthesis is a link of its own.
    if (end + 1 < line.size() && line[end + 1] == '(') continue;
    names.insert(line.substr(begin + 1, end - begin - 1));
  }
  return names;
}

TEST(SemanticsDocTest, EveryScenarioIsNamedAndEveryNameIsAScenario) {
  std::set<std::string> named;
  for (const std::string& line : ReadPage()) {
    if (!IsTarget(line)) named.merge(NamesInBrackets(line));
  }
  EXPECT_THAT(Without(ScenarioNames(), named), IsEmpty()) << "are not named";
  EXPECT_THAT(Without(named, ScenarioNames()), IsEmpty()) << "are named and do not exist";
}

TEST(SemanticsDocTest, EveryNameLeadsToItsScenario) {
  std::set<std::string> targets;
  for (const std::string& line : ReadPage()) {
    if (IsTarget(line)) targets.insert(line);
  }
  std::set<std::string> expected;
  for (const std::string& name : ScenarioNames()) {
    expected.insert(absl::StrCat("[", name, "]: ", kFolder, name, ".ct"));
  }
  EXPECT_THAT(Without(expected, targets), IsEmpty()) << "are missing";
  EXPECT_THAT(Without(targets, expected), IsEmpty()) << "lead nowhere";
}

using Texts = std::map<std::string, std::string>;

Texts ZoneTexts(const ZoneSettings& settings) {
  v1::ZoneSettings wire;
  ToWire(settings, &wire);
  Texts texts;
  for (const auto& [name, text] : cli::SettingTexts(wire)) texts[name] = text;
  return texts;
}

Texts SysctlTexts(const ZoneSettings& settings) {
  Texts texts;
  for (const auto& [name, text] : SysctlsOf(settings)) texts[name] = text;
  return texts;
}

// The name whose text differs; "-" when none does.
std::string Changed(const Texts& before, const Texts& after) {
  for (const auto& [name, text] : before) {
    if (after.at(name) != text) return name;
  }
  return "-";
}

std::string Code(const std::string& name) {
  return name == "-" ? name : absl::StrCat("`", name, "`");
}

TEST(SemanticsDocTest, TheTableHasEverySetting) {
  constexpr int64_t kDay = int64_t{86'400} * 1'000'000'000;
  const ZoneSettings usual;
  const Texts defaults = ZoneTexts(usual);
  const std::vector<std::string> page = ReadPage();
  std::set<std::string> documented;
  for (const SettingName& setting : SettingNames()) {
    // What changes with it are its other names.
    ZoneSettings changed;
    const int64_t value = setting.get(usual);
    setting.set(setting.is_duration ? value + kDay : value > 1 ? value + 1 : 1 - value, &changed);
    const std::string zone_setting = Changed(defaults, ZoneTexts(changed));
    ASSERT_NE(zone_setting, "-") << setting.name;
    const std::string row = absl::StrCat(
        "| ", Code(zone_setting), " | ", defaults.at(zone_setting), " | ",
        Code(Changed(SysctlTexts(usual), SysctlTexts(changed))), " | ", Code(setting.name), " |");
    EXPECT_NE(std::find(page.begin(), page.end(), row), page.end()) << "missing: " << row;
    documented.insert(zone_setting);
  }
  // And each that a zone has is one of these.
  for (const auto& [name, text] : defaults) EXPECT_EQ(documented.count(name), 1u) << name;
}

}  // namespace
}  // namespace conntrack
