// SlotHash against proto/slot_hash_vectors.json, which SDKs use as well.
#include <arpa/inet.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "server/tracker/hash.h"

namespace conntrack {
namespace {

Address Parse(Family family, const std::string& text) {
  std::array<uint8_t, 16> bytes = {};
  EXPECT_EQ(inet_pton(family == Family::kIpv4 ? AF_INET : AF_INET6, text.c_str(), bytes.data()), 1)
      << text;
  const size_t size = family == Family::kIpv4 ? 4 : 16;
  Address address;
  for (size_t i = 0; i < size; ++i) {
    address.high = address.high << 8 | address.low >> 56;
    address.low = address.low << 8 | bytes[i];
  }
  return address;
}

TEST(SlotHashTest, AgreesWithThePublishedVectors) {
  std::ifstream file(CONNTRACK_SOURCE_DIR "/proto/slot_hash_vectors.json");
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  google::protobuf::Struct page;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &page).ok());
  const auto& vectors = page.fields().at("vectors").list_value().values();
  EXPECT_GE(vectors.size(), 24);
  std::set<Family> families;
  for (const auto& value : vectors) {
    const auto& row = value.struct_value().fields();
    const auto number = [&](const char* name) {
      return std::strtoull(row.at(name).string_value().c_str(), nullptr, 16);
    };
    const auto family = static_cast<Family>(row.at("family").number_value());
    families.insert(family);
    const auto zone = static_cast<uint32_t>(row.at("zone").number_value());
    const Address a = Parse(family, row.at("a").string_value());
    const Address b = Parse(family, row.at("b").string_value());
    const uint64_t hash = SlotHash(number("seed"), zone, family, a, b);
    EXPECT_EQ(hash, number("hash")) << value.DebugString();
    EXPECT_EQ(hash % 256, row.at("slot_of_256").number_value()) << value.DebugString();
    EXPECT_EQ(SlotHash(number("seed"), zone, family, b, a), hash) << value.DebugString();
  }
  EXPECT_EQ(families, (std::set<Family>{Family::kIpv4, Family::kIpv6}));
}

}  // namespace
}  // namespace conntrack
