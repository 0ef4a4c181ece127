// What stands where in the live view, in terminals of any size.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/top/report_json.h"
#include "client/cli/top/view.h"

namespace conntrack::cli::top {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Picture Sample() {
  Picture picture;
  picture.time.set_seconds(1'700'000'000);
  picture.software = "conntrack-server 1.2.3";
  picture.uptime = "3d4h";
  picture.connections = 1'234'567;
  picture.half_open = 40;
  picture.packet_rate = 98'765;
  picture.new_rate = 120;
  picture.closed_rate = 0.5;
  picture.invalid_rate = 3;
  picture.states = {{"tcp", "established", 1'234'000}, {"udp", "unreplied", 567}};
  picture.reasons = {{"tcp_seq_over_window", 17, 3.0}};
  picture.zones = {{1, 1'000'000, 1'048'576, 5, 98'765.0, 3.0}};
  picture.sensors = {{"edge-1", 1, true, 98'765.0, "20ms", 12, 0.0, "adds up"},
                     {"edge-2", 2, false, 0.0, "", 0, 0.0, "3 missing"}};
  return picture;
}

Picture Talking(const Controls& controls) {
  Picture picture = Sample();
  picture.question = QuestionOf(controls);
  picture.groups = {{{"10.0.0.1"}, 9, 100, 5'000, 1.0, 900.0},
                    {{"10.0.0.2"}, 8, 300, 9'000, 5.0, std::nullopt},
                    {{""}, 1, 200, 7'000, std::nullopt, 20.0}};
  return picture;
}

std::vector<std::string> Texts(const Screen& screen) {
  std::vector<std::string> texts;
  for (const Line& line : screen.lines) texts.push_back(TextOf(line));
  return texts;
}

std::string Text(const Screen& screen) { return absl::StrJoin(Texts(screen), "\n"); }

TEST(TopViewTest, AnAmountFitsFiveCells) {
  EXPECT_EQ(AmountText(0), "0");
  EXPECT_EQ(AmountText(0.44), "0.4");
  EXPECT_EQ(AmountText(7), "7");
  EXPECT_EQ(AmountText(9.96), "10");
  EXPECT_EQ(AmountText(12.3), "12");
  EXPECT_EQ(AmountText(999.4), "999");
  EXPECT_EQ(AmountText(999.6), "1.0k");
  EXPECT_EQ(AmountText(1'234), "1.2k");
  EXPECT_EQ(AmountText(12'345), "12k");
  EXPECT_EQ(AmountText(35'000'000), "35M");
  EXPECT_EQ(AmountText(1.8e19), "18E");
  EXPECT_EQ(RateText(std::nullopt), "-");
}

TEST(TopViewTest, TheOverviewShowsEverythingAt80x24) {
  const Picture picture = Sample();
  const Screen screen = Render({"127.0.0.1:50051", &picture, ""}, Controls(), 80, 24);
  const std::vector<std::string> lines = Texts(screen);
  ASSERT_EQ(lines.size(), 24u);
  EXPECT_EQ(lines[0], "conntrackctl top  127.0.0.1:50051  22:13:20  every 2s  up 3d4h");
  EXPECT_EQ(lines[1], "connections 1234567  packets/s 99k  new/s 120  closed/s 0.5  INVALID/s 3");
  EXPECT_EQ(lines[2], "1 overview  2 talkers  3 half-open  4 sensors");
  EXPECT_EQ(lines[3], "PROTOCOL  STATE        CONNECTIONS        INVALID BECAUSE      PACKETS  /S");
  EXPECT_EQ(lines[4], "tcp       ESTABLISHED      1234000        tcp_seq_over_window       17   3");
  EXPECT_EQ(lines[5], "udp       UNREPLIED            567");
  EXPECT_EQ(lines[8], "1         1000000  1048576        99k          3        5");
  EXPECT_EQ(lines[11], "edge-1     1        99k  20ms    12       0  adds up");
  EXPECT_EQ(lines[12], "edge-2     2       gone     -     0       0  3 missing");
  EXPECT_THAT(lines[23], StartsWith("q quit  ? help"));
}

TEST(TopViewTest, NoSizeMakesALineTooLongOrOneTooMany) {
  Controls controls;
  controls.message = "a message that is longer than some of the terminals here are wide";
  for (size_t pane = 0; pane < kPanes; ++pane) {
    controls.pane = static_cast<Pane>(pane);
    const Picture picture = Talking(controls);
    for (const bool help : {false, true}) {
      controls.help = help;
      for (const bool editing : {false, true}) {
        controls.editing = editing;
        controls.draft = std::string(100, 'x');
        controls.cursor = 90;
        for (size_t width = 1; width <= 130; ++width) {
          for (const size_t height : {1, 2, 3, 4, 5, 10, 24, 50}) {
            const Screen screen = Render({"server:1", &picture, "gone"}, controls, width, height);
            ASSERT_EQ(screen.lines.size(), height);
            for (const Line& line : screen.lines) ASSERT_LE(WidthOf(line), width) << TextOf(line);
            ASSERT_EQ(screen.cursor.has_value(), editing);
            ASSERT_LT(screen.cursor.value_or(Screen::Place()).column, width);
          }
        }
      }
    }
  }
}

TEST(TopViewTest, ASmallTerminalShowsWhatFits) {
  const Picture picture = Sample();
  const Screen screen = Render({"127.0.0.1:50051", &picture, ""}, Controls(), 40, 10);
  EXPECT_THAT(
      Texts(screen),
      ElementsAre("conntrackctl top  127.0.0.1:50051", "connections 1234567  packets/s 99k",
                  "1 overview", "PROTOCOL  STATE        CONNECTIONS",
                  "tcp       ESTABLISHED      1234000", "udp       UNREPLIED            567", "",
                  "INVALID BECAUSE      PACKETS  /S", "tcp_seq_over_window       17   3",
                  "q quit  ? help  p pause  s sort  g group"));
}

TEST(TopViewTest, ScrollingEndsWithTheLastLine) {
  const Picture picture = Sample();
  Controls controls;
  controls.scroll = SIZE_MAX / 2;
  const Screen screen = Render({"s:1", &picture, ""}, controls, 40, 10);
  EXPECT_THAT(Texts(screen)[8], StartsWith("edge-2"));
  controls.scroll = screen.scroll;
  EXPECT_EQ(Texts(Render({"s:1", &picture, ""}, controls, 40, 10)), Texts(screen));
}

TEST(TopViewTest, TalkersAreSortedByTheMarkedColumn) {
  Controls controls;
  controls.pane = Pane::kTalkers;
  const Picture picture = Talking(controls);
  const auto names = [&](Amount sort) {
    std::vector<std::string> values;
    for (const GroupRow& row : Sorted(picture.groups, sort)) values.push_back(row.values[0]);
    return values;
  };
  EXPECT_THAT(names(Amount::kConnections), ElementsAre("10.0.0.1", "10.0.0.2", ""));
  EXPECT_THAT(names(Amount::kPackets), ElementsAre("10.0.0.2", "", "10.0.0.1"));
  EXPECT_THAT(names(Amount::kBytes), ElementsAre("10.0.0.2", "", "10.0.0.1"));
  EXPECT_THAT(names(Amount::kPacketRate), ElementsAre("10.0.0.2", "10.0.0.1", ""));
  EXPECT_THAT(names(Amount::kByteRate), ElementsAre("10.0.0.1", "", "10.0.0.2"));
  controls.sort = Amount::kBytes;
  const Screen wide = Render({"s:1", &picture, ""}, controls, 80, 10);
  EXPECT_EQ(Texts(wide)[3], "ORIGINAL.SOURCE  CONNECTIONS  PACKETS/S  BYTES/S  PACKETS  BYTES");
  EXPECT_EQ(Texts(wide)[5], "-                          1          -       20      200   7.0k");
  EXPECT_THAT(wide.lines[3], ::testing::Contains(Span{"BYTES", Style::kSorted}));
  // The sorted column stays where there is room for two.
  EXPECT_EQ(Texts(Render({"s:1", &picture, ""}, controls, 24, 10))[3], "ORIGINAL.SOURCE  BYTES");
}

TEST(TopViewTest, TheAnswerToAnotherQuestionIsNotShown) {
  Controls controls;
  controls.pane = Pane::kTalkers;
  const Picture picture = Talking(controls);
  const auto text = [&] { return Text(Render({"s:1", &picture, ""}, controls, 80, 24)); };
  ASSERT_THAT(text(), HasSubstr("10.0.0.1"));
  controls.grouping = 1;
  EXPECT_THAT(text(), Not(HasSubstr("10.0.0.1")));
  controls.grouping = 0;
  controls.pane = Pane::kHalfOpen;
  EXPECT_THAT(text(), Not(HasSubstr("10.0.0.1")));
  // The totals are of all connections, whatever the groups were.
  controls.pane = Pane::kOverview;
  EXPECT_THAT(text(), HasSubstr("ESTABLISHED"));
  controls.filter = "zone = 1";
  EXPECT_THAT(text(), Not(HasSubstr("ESTABLISHED")));
}

TEST(TopViewTest, AnOverviewWithAFilterCountsStates) {
  Controls controls;
  controls.filter = "protocol = TCP";
  Picture picture = Sample();
  picture.question = QuestionOf(controls);
  picture.groups = {{{"TCP", "SYN_SENT"}, 33, 0, 0, std::nullopt, std::nullopt},
                    {{"UDP", ""}, 2, 0, 0, std::nullopt, std::nullopt}};
  const std::vector<std::string> lines = Texts(Render({"s:1", &picture, ""}, controls, 60, 24));
  EXPECT_EQ(lines[4], "tcp       SYN_SENT           33");
  EXPECT_EQ(lines[5], "udp       -                   2");
  EXPECT_EQ(lines[23], "filter: protocol = TCP");
}

TEST(TopViewTest, TheLastLineSaysWhatMattersMost) {
  const Picture picture = Sample();
  Controls controls;
  controls.filter = "zone = 1";
  EXPECT_EQ(Texts(Render({"s:1", &picture, "cannot reach s:1"}, controls, 80, 5))[4],
            "cannot reach s:1; trying again");
  controls.message = "column 3: no";
  EXPECT_EQ(Texts(Render({"s:1", &picture, "cannot reach s:1"}, controls, 80, 5))[4],
            "column 3: no");
  controls.editing = true;
  controls.draft = "abc";
  controls.cursor = 1;
  const Screen screen = Render({"s:1", &picture, ""}, controls, 80, 5);
  EXPECT_EQ(Texts(screen)[4], "filter: abc");
  EXPECT_EQ(screen.cursor->row, 4u);
  EXPECT_EQ(screen.cursor->column, 9u);
}

TEST(TopViewTest, TheCursorOfALongFilterIsSeen) {
  Controls controls;
  controls.editing = true;
  controls.draft = std::string(60, 'a') + "z";
  controls.cursor = controls.draft.size();
  const Screen screen = Render({"s:1", nullptr, ""}, controls, 40, 5);
  EXPECT_THAT(Texts(screen)[4], ::testing::EndsWith("az"));
  EXPECT_EQ(screen.cursor->column, 39u);
}

TEST(TopViewTest, PausedIsSaid) {
  const Picture picture = Sample();
  Controls controls;
  controls.paused = true;
  EXPECT_THAT(Texts(Render({"s:1", &picture, ""}, controls, 40, 10))[0], HasSubstr("PAUSED"));
}

TEST(TopViewTest, WhatCannotBePrintedIsAQuestionMark) {
  Picture picture = Sample();
  picture.software = "a\x1b[31m\xc3\xa4";
  EXPECT_THAT(Texts(Render({"s:1", &picture, ""}, Controls(), 120, 10))[0], HasSubstr("a?[31m??"));
}

TEST(TopViewTest, PlainTextHasAllLines) {
  const Picture picture = Sample();
  const std::vector<Line> lines = RenderPlain({"s:1", &picture, ""}, Controls(), 100);
  EXPECT_EQ(lines.size(), 13u);
  EXPECT_THAT(TextOf(lines.back()), StartsWith("edge-2"));
}

TEST(TopViewTest, JsonIsOneObjectWithNullForWhatIsNotKnown) {
  Controls controls;
  controls.pane = Pane::kTalkers;
  Picture picture = Talking(controls);
  picture.sensors[0].id = "quote\"";
  google::protobuf::Struct object;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(JsonOf(picture), &object).ok());
  const auto& fields = object.fields();
  EXPECT_EQ(fields.at("connections").number_value(), 1'234'567);
  EXPECT_EQ(fields.at("time").string_value(), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(fields.at("packetRate").number_value(), 98'765);
  const auto& sensor = fields.at("sensors").list_value().values(0).struct_value().fields();
  EXPECT_EQ(sensor.at("sensorId").string_value(), "quote\"");
  EXPECT_EQ(sensor.at("lost").number_value(), 12);
  const auto& groups = fields.at("count").struct_value().fields().at("groups").list_value();
  ASSERT_EQ(groups.values_size(), 3);
  EXPECT_TRUE(groups.values(1).struct_value().fields().at("byteRate").has_null_value());
}

}  // namespace
}  // namespace conntrack::cli::top
