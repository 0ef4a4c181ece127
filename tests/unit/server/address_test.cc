#include "server/address.h"

#include <gtest/gtest.h>

#include <string>

namespace conntrack {
namespace {

ListenAddress Parse(const std::string& text) {
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  EXPECT_TRUE(address.ok()) << address.status();
  return address.ok() ? *address : ListenAddress();
}

std::string ErrorOf(const std::string& text) {
  return std::string(ParseListenAddress(text).status().message());
}

TEST(AddressTest, HostAndPortAreTakenApart) {
  EXPECT_EQ(Parse("127.0.0.1:50051").host, "127.0.0.1");
  EXPECT_EQ(Parse("127.0.0.1:50051").port, 50051);
  EXPECT_EQ(Parse("[2001:db8::1]:80").host, "2001:db8::1");
  EXPECT_EQ(Parse(":80").host, "");
  EXPECT_EQ(Parse("node-1.example:65535").port, 65535);
}

TEST(AddressTest, AUnixSocketHasAPath) {
  EXPECT_EQ(Parse("unix:/run/ct.sock").path, "/run/ct.sock");
  EXPECT_EQ(Parse("unix:///run/ct.sock").path, "/run/ct.sock");
  EXPECT_TRUE(Parse("unix:/run/ct.sock").is_unix());
}

TEST(AddressTest, WhatIsNoAddressIsNamed) {
  EXPECT_EQ(ErrorOf("localhost"), "\"localhost\" is not host:port, [ipv6]:port or unix:/path");
  EXPECT_EQ(ErrorOf("::1:80"), "\"::1:80\" is not host:port, [ipv6]:port or unix:/path");
  EXPECT_EQ(ErrorOf("a:"), "\"a:\" is not host:port, [ipv6]:port or unix:/path");
  EXPECT_EQ(ErrorOf("a:http"), "\"a:http\" is not host:port, [ipv6]:port or unix:/path");
  EXPECT_EQ(ErrorOf("a:65536"), "port 65536 of \"a:65536\" is not between 0 and 65535");
  EXPECT_EQ(ErrorOf("unix:ct.sock"),
            "\"unix:ct.sock\" needs an absolute path, as in unix:/run/conntrack.sock");
}

TEST(AddressTest, OnlyLoopbackIsLoopback) {
  EXPECT_TRUE(*IsLoopback(Parse("127.0.0.1:1")));
  EXPECT_TRUE(*IsLoopback(Parse("127.200.0.1:1")));
  EXPECT_TRUE(*IsLoopback(Parse("[::1]:1")));
  EXPECT_TRUE(*IsLoopback(Parse("unix:/run/ct.sock")));
  EXPECT_FALSE(*IsLoopback(Parse("0.0.0.0:1")));
  EXPECT_FALSE(*IsLoopback(Parse("[::]:1")));
  EXPECT_FALSE(*IsLoopback(Parse(":1")));
  EXPECT_FALSE(*IsLoopback(Parse("192.0.2.1:1")));
}

TEST(AddressTest, NumericAddressNeedsNoNames) {
  EXPECT_EQ(*NumericAddress(Parse("127.0.0.1:9464")), "127.0.0.1:9464");
  EXPECT_EQ(*NumericAddress(Parse("[::1]:9464")), "[::1]:9464");
  EXPECT_EQ(*NumericAddress(Parse(":9464")), "0.0.0.0:9464");
}

TEST(AddressTest, AnAddressOfAnotherHostIsNotFree) {
  // TEST-NET-1, which no host has.
  const absl::Status status = CheckFree(Parse("192.0.2.1:0"));
  EXPECT_EQ(status.message(), "Cannot assign requested address");
}

TEST(AddressTest, ASocketInADirectoryThatIsNotThereIsNotFree) {
  EXPECT_EQ(CheckFree(Parse("unix:/nowhere-at-all/ct.sock")).message(),
            "No such file or directory");
  EXPECT_EQ(CheckFree(Parse("unix:/" + std::string(200, 'a'))).message(),
            "the path is longer than 107 bytes");
}

}  // namespace
}  // namespace conntrack
