#include "tests/differential/fixed_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/differential/kernel_settings.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string ErrorOf(const std::string& word) {
  return std::string(FixedSettings().Add(word).message());
}

TEST(FixedSettingsTest, AllThatWereAddedAreApplied) {
  FixedSettings fixed;
  ASSERT_TRUE(fixed.Add("tcp_loose=0").ok());
  ASSERT_TRUE(fixed.Add("udp=2s").ok());
  ZoneSettings settings;
  settings.udp = std::chrono::seconds(4);
  fixed.ApplyTo(&settings);
  EXPECT_FALSE(settings.tcp.loose);
  EXPECT_EQ(settings.udp, std::chrono::seconds(2));
}

TEST(FixedSettingsTest, UnknownNamesAndValuesAreRefusedWithWhatThereIs) {
  EXPECT_THAT(ErrorOf("tcp_lose=0"), HasSubstr("\"tcp_lose=0\" names no setting; there are "));
  EXPECT_THAT(ErrorOf("tcp_lose=0"), HasSubstr("tcp_loose, tcp_be_liberal, "));
  EXPECT_THAT(ErrorOf("tcp_loose=2"), HasSubstr("takes 0 or 1"));
  EXPECT_THAT(ErrorOf("tcp_max_retrans=-1"), HasSubstr("takes a number from 0 to 255"));
  EXPECT_THAT(ErrorOf("udp=30"), HasSubstr("takes a duration such as"));
  EXPECT_THAT(ErrorOf("udp=0s"), HasSubstr("is not between"));
}

TEST(FixedSettingsTest, WhatAKernelCannotBeGivenIsRefusedWithTheReason) {
  EXPECT_THAT(ErrorOf("connections_max=7"), HasSubstr("one limit for all network namespaces"));
  EXPECT_THAT(ErrorOf("tcp_syn_sent2=60s"), HasSubstr("no sysctl"));
  EXPECT_THAT(ErrorOf("tcp_nonclosing_rst_closes=0"), HasSubstr("releases of Linux"));
  EXPECT_THAT(ErrorOf("udp=1500ms"), HasSubstr("whole seconds"));
}

TEST(FixedSettingsTest, ATimeoutThatEndsWhenPacketsAreSentIsRefused) {
  EXPECT_THAT(ErrorOf("udp=3s"), HasSubstr("chance"));
  for (const char* word : {"udp=1s", "udp=2s", "udp=4s", "udp=6s", "udp=1h"}) {
    EXPECT_EQ(ErrorOf(word), "") << word;
  }
}

TEST(KernelSettingsTest, EverySettingHasASysctlOfItsOwnOrAReason) {
  std::set<std::string> sysctls;
  for (const auto& [name, value] : SysctlsOf(ZoneSettings())) {
    EXPECT_TRUE(sysctls.insert(name).second) << name;
  }
  size_t impossible = 0;
  for (const SettingName& setting : SettingNames()) {
    impossible += WhyNotInKernel(setting.name).empty() ? 0 : 1;
  }
  EXPECT_EQ(sysctls.size() + impossible, SettingNames().size());
}

TEST(KernelSettingsTest, NamesAreThoseOfLinux) {
  ZoneSettings settings;
  settings.tcp.be_liberal = true;
  const auto sysctls = SysctlsOf(settings);
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_tcp_be_liberal", "1")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_checksum", "1")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_tcp_max_retrans", "3")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_tcp_timeout_max_retrans", "300")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_tcp_timeout_fin_wait", "120")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_udp_timeout", "30")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_udp_timeout_stream", "120")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_gre_timeout_stream", "180")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_sctp_timeout_shutdown_ack_sent", "3")));
  EXPECT_THAT(sysctls, Contains(Pair("nf_conntrack_generic_timeout", "600")));
}

}  // namespace
}  // namespace conntrack
