// What the keys of the live view do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/top/controls.h"

namespace conntrack::cli::top {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

constexpr size_t kPage = 10;

Action PressKey(Key::Kind kind, Controls* controls) { return Press({kind}, kPage, controls); }

// The action of the last one.
Action Type(const std::string& text, Controls* controls) {
  Action action = Action::kNone;
  for (const char c : text) action = Press({Key::kCharacter, c}, kPage, controls);
  return action;
}

TEST(TopControlsTest, QQuits) {
  Controls controls;
  EXPECT_EQ(Type("q", &controls), Action::kQuit);
}

TEST(TopControlsTest, PAndSpacePauseAndGoOn) {
  Controls controls;
  EXPECT_EQ(Type("p", &controls), Action::kNone);
  EXPECT_TRUE(controls.paused);
  Type(" ", &controls);
  EXPECT_FALSE(controls.paused);
}

TEST(TopControlsTest, NumbersAndTabShowPanesFromTheirTop) {
  Controls controls;
  controls.scroll = 3;
  Type("3", &controls);
  EXPECT_EQ(controls.pane, Pane::kHalfOpen);
  EXPECT_EQ(controls.scroll, 0u);
  PressKey(Key::kTab, &controls);
  EXPECT_EQ(controls.pane, Pane::kSensors);
  PressKey(Key::kTab, &controls);
  EXPECT_EQ(controls.pane, Pane::kOverview);
  PressKey(Key::kBackTab, &controls);
  EXPECT_EQ(controls.pane, Pane::kSensors);
  Type("95", &controls);
  EXPECT_EQ(controls.pane, Pane::kSensors) << "there is no such pane";
}

TEST(TopControlsTest, SGoesThroughTheColumnsAndShiftSBack) {
  Controls controls;
  std::vector<Amount> seen;
  for (int i = 0; i < 5; ++i) {
    Type("s", &controls);
    seen.push_back(controls.sort);
  }
  EXPECT_THAT(seen, ElementsAre(Amount::kPacketRate, Amount::kByteRate, Amount::kPackets,
                                Amount::kBytes, Amount::kConnections));
  Type("S", &controls);
  EXPECT_EQ(controls.sort, Amount::kBytes);
}

TEST(TopControlsTest, GGoesThroughTheGroupings) {
  Controls controls;
  controls.groupings = {{"zone"}, {"protocol", "state"}};
  Type("g", &controls);
  EXPECT_EQ(controls.grouping, 1u);
  Type("g", &controls);
  EXPECT_EQ(controls.grouping, 0u);
}

TEST(TopControlsTest, PlusAndMinusStepTheInterval) {
  Controls controls;
  Type("+", &controls);
  EXPECT_EQ(controls.interval, milliseconds(5'000));
  Type("--", &controls);
  EXPECT_EQ(controls.interval, milliseconds(1'000));
  Type("----------", &controls);
  EXPECT_EQ(controls.interval, kIntervalMin);
  controls.interval = milliseconds(700);
  Type("+", &controls);
  EXPECT_EQ(controls.interval, milliseconds(1'000));
  controls.interval = kIntervalMax;
  Type("+", &controls);
  EXPECT_EQ(controls.interval, kIntervalMax);
}

TEST(TopControlsTest, ArrowsAndPagesScroll) {
  Controls controls;
  PressKey(Key::kUp, &controls);
  EXPECT_EQ(controls.scroll, 0u);
  PressKey(Key::kDown, &controls);
  PressKey(Key::kPageDown, &controls);
  EXPECT_EQ(controls.scroll, 11u);
  PressKey(Key::kPageUp, &controls);
  PressKey(Key::kPageUp, &controls);
  EXPECT_EQ(controls.scroll, 0u);
  PressKey(Key::kEnd, &controls);
  PressKey(Key::kPageDown, &controls);
  EXPECT_GT(controls.scroll, 1'000'000u);
  PressKey(Key::kHome, &controls);
  EXPECT_EQ(controls.scroll, 0u);
}

TEST(TopControlsTest, AFilterIsTypedAndTried) {
  Controls controls;
  controls.filter = "zone = 1";
  Type("f", &controls);
  EXPECT_TRUE(controls.editing);
  EXPECT_EQ(controls.draft, "zone = 1");
  PressKey(Key::kBackspace, &controls);
  // Keys of the view are text here.
  EXPECT_EQ(Type("7 q", &controls), Action::kNone);
  PressKey(Key::kBackspace, &controls);
  PressKey(Key::kLeft, &controls);
  PressKey(Key::kDelete, &controls);
  PressKey(Key::kHome, &controls);
  Type("(", &controls);
  PressKey(Key::kEnd, &controls);
  Type(")", &controls);
  EXPECT_EQ(PressKey(Key::kEnter, &controls), Action::kTryFilter);
  EXPECT_EQ(controls.draft, "(zone = 7)");
  EXPECT_FALSE(controls.editing);
  EXPECT_EQ(controls.filter, "zone = 1") << "until the server has judged it";
}

TEST(TopControlsTest, EscapeLeavesTheFilterAsItWas) {
  Controls controls;
  controls.filter = "zone = 1";
  Type("/x", &controls);
  EXPECT_EQ(PressKey(Key::kEscape, &controls), Action::kNone);
  EXPECT_FALSE(controls.editing);
  EXPECT_EQ(controls.filter, "zone = 1");
}

TEST(TopControlsTest, AFilterHasALimit) {
  Controls controls;
  controls.filter = std::string(kFilterBytesMax, 'x');
  Type("fy", &controls);
  EXPECT_EQ(controls.draft.size(), kFilterBytesMax);
}

TEST(TopControlsTest, HelpStaysWhileItIsScrolledAndGoesWithAnyOtherKey) {
  Controls controls;
  Type("?", &controls);
  EXPECT_TRUE(controls.help);
  PressKey(Key::kDown, &controls);
  EXPECT_TRUE(controls.help);
  EXPECT_EQ(controls.scroll, 1u);
  EXPECT_EQ(Type("q", &controls), Action::kNone);
  EXPECT_FALSE(controls.help);
}

TEST(TopControlsTest, AMessageStaysUntilTheNextKey) {
  Controls controls;
  controls.message = "no";
  Press({Key::kCharacter, '\0'}, kPage, &controls);
  EXPECT_EQ(controls.message, "no") << "that was no key";
  PressKey(Key::kUp, &controls);
  EXPECT_EQ(controls.message, "");
}

TEST(TopControlsTest, CountersAreAskedForWithoutAWalk) {
  Controls controls;
  EXPECT_TRUE(QuestionOf(controls).group_by.empty());
  controls.pane = Pane::kSensors;
  controls.filter = "zone = 1";
  EXPECT_TRUE(QuestionOf(controls).group_by.empty());
  controls.pane = Pane::kOverview;
  EXPECT_THAT(QuestionOf(controls).group_by, ElementsAre("protocol", "state"));
}

TEST(TopControlsTest, TalkersAreOrderedByTheServerAsTheyAreSorted) {
  Controls controls;
  controls.pane = Pane::kTalkers;
  EXPECT_THAT(QuestionOf(controls).group_by, ElementsAre("original.source"));
  EXPECT_EQ(QuestionOf(controls).order_by, v1::GROUP_ORDER_CONNECTIONS);
  controls.sort = Amount::kPacketRate;
  EXPECT_EQ(QuestionOf(controls).order_by, v1::GROUP_ORDER_PACKETS);
  controls.sort = Amount::kBytes;
  EXPECT_EQ(QuestionOf(controls).order_by, v1::GROUP_ORDER_BYTES);
}

TEST(TopControlsTest, HalfOpenNarrowsTheFilter) {
  Controls controls;
  controls.pane = Pane::kHalfOpen;
  const std::string half_open = QuestionOf(controls).filter;
  EXPECT_EQ(half_open.substr(0, 14), "protocol = TCP");
  controls.filter = "zone = 1 OR zone = 2";
  EXPECT_EQ(QuestionOf(controls).filter, "zone = 1 OR zone = 2 AND " + half_open);
}

}  // namespace
}  // namespace conntrack::cli::top
