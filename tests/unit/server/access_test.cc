#include "server/access.h"

#include <gtest/gtest.h>

namespace conntrack {
namespace {

TEST(AccessTest, LoopbackAndUnixPeersAreOfThisHost) {
  EXPECT_TRUE(IsLocalPeer("ipv4:127.0.0.1:4711"));
  EXPECT_TRUE(IsLocalPeer("ipv4:127.8.0.1:1"));
  EXPECT_TRUE(IsLocalPeer("ipv6:[::1]:4711"));
  EXPECT_TRUE(IsLocalPeer("ipv6:%5B::1%5D:4711"));
  EXPECT_TRUE(IsLocalPeer("ipv6:%5B::ffff:127.0.0.1%5D:4711"));
  EXPECT_TRUE(IsLocalPeer("unix:/run/conntrack.sock"));
  EXPECT_TRUE(IsLocalPeer("unix:"));
}

TEST(AccessTest, OtherPeersAreNot) {
  EXPECT_FALSE(IsLocalPeer("ipv4:10.127.0.1:4711"));
  EXPECT_FALSE(IsLocalPeer("ipv4:12.7.0.1:4711"));
  EXPECT_FALSE(IsLocalPeer("ipv6:[2001:db8::1]:4711"));
  EXPECT_FALSE(IsLocalPeer("ipv6:%5B::10%5D:4711"));
  EXPECT_FALSE(IsLocalPeer("ipv6:%5B::ffff:10.0.0.1%5D:4711"));
  EXPECT_FALSE(IsLocalPeer("vsock:2:1"));
  EXPECT_FALSE(IsLocalPeer(""));
}

}  // namespace
}  // namespace conntrack
