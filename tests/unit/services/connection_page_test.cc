#include "server/connection_page.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "conntrack/v1/connection_service.grpc.pb.h"
#include "tests/testing/naive_filter.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

v1::ListConnectionsResponse Parse(grpc::ByteBuffer bytes) {
  v1::ListConnectionsResponse response;
  EXPECT_TRUE(
      grpc::SerializationTraits<v1::ListConnectionsResponse>::Deserialize(&bytes, &response).ok());
  return response;
}

TEST(ConnectionPageTest, APageIsTheMessageOfItsConnectionsAndItsToken) {
  SensorRegistry sensors(1);
  const WireContext context{&sensors, 256};
  testing::Random random(testing::TestSeed());
  // Several blocks.
  ConnectionPage page(3000, context);
  v1::ListConnectionsResponse expected;
  for (size_t left = 3000; left > 0; --left) {
    ASSERT_EQ(page.room(), left);
    const StoredConnection stored = testing::RandomConnection(kNow, &random);
    page.Add(stored.ref(), kNow);
    ToWire(stored.ref(), kNow, context, expected.add_connections());
  }
  EXPECT_EQ(page.room(), 0u);
  expected.set_next_page_token("token");
  EXPECT_EQ(Parse(page.Finish("token")).SerializeAsString(), expected.SerializeAsString());
  EXPECT_EQ(ConnectionPage(10, context).Finish("").Length(), 0u);
}

// Clients take messages of 4 MiB unless told otherwise.
TEST(ConnectionPageTest, APageIsNeverLargerThanClientsTake) {
  SensorRegistry sensors(1);
  ASSERT_TRUE(sensors.Open(std::string(kSensorIdMax, 's'), {"session", 0, ""}, 1, 0).ok());
  const WireContext context{&sensors, 256};
  StoredConnection stored = {};
  stored.record.ipv6 = 1;
  stored.record.protocol = kProtocolTcp;
  stored.addresses.first = stored.addresses.second = {UINT64_MAX, UINT64_MAX};
  stored.extra.id = UINT64_MAX;
  ConnectionPage page(100'000, context);
  int added = 0;
  for (; page.room() > 0; ++added) page.Add(stored.ref(), kNow);
  const grpc::ByteBuffer bytes = page.Finish(std::string(200, 't'));
  EXPECT_LE(bytes.Length(), 4u << 20);
  EXPECT_GT(bytes.Length(), (4u << 20) - 4096);
  EXPECT_EQ(Parse(bytes).connections_size(), added);
}

}  // namespace
}  // namespace conntrack
