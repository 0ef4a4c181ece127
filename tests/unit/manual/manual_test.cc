#include "docs/manual/manual.h"

#include <gtest/gtest.h>

namespace conntrack::manual {
namespace {

TEST(ManualTest, NothingToSayLeavesTheLastLine) { EXPECT_EQ(HelpFooter({}, "Last."), "Last.\n"); }

TEST(ManualTest, NotesStandBeforeTheLastLine) {
  EXPECT_EQ(HelpFooter({.notes = "One.\n\nTwo.", .examples = {}}, "Last."),
            "One.\n\nTwo.\n\nLast.\n");
}

TEST(ManualTest, AnExampleSaysHowItEnds) {
  const Manual manual = {
      .notes = "",
      .examples = {{"a -b\nc", "does both"},
                   {"d", "fails", 3},
                   {.command = "e", .comment = "goes on", .until_interrupted = true}}};
  EXPECT_EQ(HelpFooter(manual, ""),
            "Examples:\n"
            "  # does both\n"
            "  a -b\n"
            "  c\n"
            "  # fails; exits with 3\n"
            "  d\n"
            "  # goes on, until interrupted\n"
            "  e\n");
}

}  // namespace
}  // namespace conntrack::manual
