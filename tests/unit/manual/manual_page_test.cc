#include "docs/manual/manual_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace conntrack::manual {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PageFrame Frame() {
  PageFrame frame;
  frame.program = "thing";
  frame.version = "1.2";
  frame.date = "2026-01-31";
  frame.section = 8;
  return frame;
}

TEST(ManualPageTest, ProgramWithoutCommandsTakesOptionsOnly) {
  CLI::App app("Does a\nthing. And more.", "thing");
  uint32_t count = 3;
  app.add_option("--count", count, "How often")->check(CLI::Range(1, 9))->capture_default_str();
  const Command tree = TreeOf(app);
  const std::string page = ManualPage(Frame(), tree, tree, {});
  EXPECT_THAT(page, HasSubstr(".TH \"THING\" 8 \"2026-01-31\" \"Conntrack Service 1.2\"\n"));
  EXPECT_THAT(page, HasSubstr("\\fBthing\\fR [\\fIOPTION\\fR ...]\n.SH"));
  EXPECT_THAT(page, HasSubstr(".SH NAME\nthing \\- does a thing\n"));
  EXPECT_THAT(page, HasSubstr("How often.\nFrom 1 to 9.\nThe default is 3.\n"));
  for (const char* section : {"COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"}) {
    EXPECT_THAT(page, Not(HasSubstr(section)));
  }
}

TEST(ManualPageTest, PageOfAFileHasSettings) {
  PageFrame frame = Frame();
  frame.section = 5;
  frame.synopsis = "/etc/thing.yaml";
  frame.files = {{"/run/thing", "where it is"}};
  frame.related = {"thing(8)"};
  Command tree;
  tree.description = "Configuration of thing";
  tree.options.resize(1);
  tree.options[0].names = {"tls.cert"};
  tree.options[0].value_name = "FILE";
  tree.options[0].description = "Certificate";
  const std::string page = ManualPage(frame, tree, tree, {});
  EXPECT_THAT(page, HasSubstr(".SH SYNOPSIS\n\\fI/etc/thing.yaml\\fR\n"));
  EXPECT_THAT(page, HasSubstr(".SH SETTINGS\n"));
  EXPECT_THAT(page, HasSubstr("\\fBtls.cert\\fR \\fIFILE\\fR\nCertificate.\n"));
  EXPECT_THAT(page, HasSubstr(".SH FILES\n.TP\n\\fI/run/thing\\fR\nwhere it is.\n"));
  EXPECT_THAT(page, HasSubstr(".SH SEE ALSO\n\\fBthing\\fR(8)\n"));
}

TEST(ManualPageTest, WhatCannotBeWrittenIsSaid) {
  const Command tree;
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(WritePage("/no/such/directory", Frame(), tree, "text"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "cannot write /no/such/directory/man8/thing.8\n");
}

}  // namespace
}  // namespace conntrack::manual
