#include "client/cli/config_file.h"

#include <gtest/gtest.h>

namespace conntrack::cli {
namespace {

// "key=value@place" of each value, or the complaint.
std::string Read(const std::string& text) {
  const auto values = ReadConfigText("ctl.yaml", text, {"server", "tls", "tls_ca"});
  if (!values.ok()) return std::string(values.status().message());
  std::string all;
  for (const auto& value : *values) all += value.key + "=" + value.value + "@" + value.place + " ";
  return all;
}

TEST(ConfigFileTest, ValuesHaveTheirPlaces) {
  EXPECT_EQ(Read("# mine\nserver: host:1\ntls: true\n"),
            "server=host:1@ctl.yaml:2:9 tls=true@ctl.yaml:3:6 ");
  EXPECT_EQ(Read(""), "");
}

TEST(ConfigFileTest, ComplaintsNameTheLine) {
  EXPECT_EQ(Read("server: x\nserve: y\n"),
            "ctl.yaml:2:1: unknown key serve; there are server, tls, tls_ca");
  EXPECT_EQ(Read("tls: true\ntls: false\n"), "ctl.yaml:2:1: key tls stands twice");
  EXPECT_EQ(Read("tls: {ca: x}\n"), "ctl.yaml:1:1: tls needs one value");
  EXPECT_EQ(Read("- server\n"), "ctl.yaml:1:1: the file is not a map of settings");
  EXPECT_EQ(Read("server: [\n").rfind("ctl.yaml:2:1: ", 0), 0u) << Read("server: [\n");
}

}  // namespace
}  // namespace conntrack::cli
