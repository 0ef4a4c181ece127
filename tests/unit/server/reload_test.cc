#include "server/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace conntrack {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ReloadTest, EqualConfigurationsChangeNothing) {
  EXPECT_TRUE(CompareConfigs(ServerConfig(), ServerConfig()).empty());
}

TEST(ReloadTest, LogAndZonesChangeAndTheRestWaits) {
  ServerConfig running;
  running.zones[5] = ZoneSettings();
  running.zones[6] = ZoneSettings();
  ServerConfig next = running;
  next.listen = "127.0.0.1:1";
  next.tls.cert = "new.pem";
  next.log.level = LogLevel::kDebug;
  next.zone_defaults.connections_max = 10;
  next.zones[5].connections_max = 20;
  next.zones[7] = ZoneSettings();

  const ConfigChanges changes = CompareConfigs(running, next);
  EXPECT_THAT(changes.applied,
              ElementsAre("log.level", "zone_defaults.connections_max", "zones[5]", "zones[7]"));
  EXPECT_THAT(changes.need_restart, ElementsAre("listen", "tls.cert"));

  const ServerConfig merged = MergeReloadable(running, next);
  EXPECT_EQ(merged.listen, running.listen);
  EXPECT_EQ(merged.log.level, LogLevel::kDebug);
  EXPECT_EQ(merged.SettingsOf(1).connections_max, 10u);
  EXPECT_EQ(merged.SettingsOf(5).connections_max, 20u);
  EXPECT_THAT(CompareConfigs(merged, next).applied, IsEmpty());
}

TEST(ReloadTest, AZoneThatIsNoLongerListedFollowsTheDefaults) {
  ServerConfig running;
  running.zones[5] = ZoneSettings();
  running.zones[5].connections_max = 20;
  const ServerConfig next;
  EXPECT_THAT(CompareConfigs(running, next).applied, ElementsAre("zones[5]"));
  EXPECT_EQ(MergeReloadable(running, next).SettingsOf(5), next.zone_defaults);
}

}  // namespace
}  // namespace conntrack
