#include "conntrack/status.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace conntrack::client {
namespace {

grpc::Status WithDetails(const google::protobuf::Message& one,
                         const google::protobuf::Message& two) {
  google::rpc::Status details;
  details.add_details()->PackFrom(one);
  details.add_details()->PackFrom(two);
  return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "too old", details.SerializeAsString());
}

TEST(StatusTest, CodeAndMessageStay) {
  const absl::Status status =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::NOT_FOUND, "no connection 7"));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no connection 7");
  EXPECT_FALSE(ReasonOf(status).has_value());
  EXPECT_FALSE(RetryDelayOf(status).has_value());
}

TEST(StatusTest, OkStaysOk) { EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok()); }

TEST(StatusTest, ReasonAndRetryDelayAreRead) {
  google::rpc::ErrorInfo reason;
  reason.set_reason("RESUME_TOKEN_TOO_OLD");
  reason.set_domain("conntrack");
  (*reason.mutable_metadata())["oldest_resume_token"] = "AAAA";
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(2);
  retry.mutable_retry_delay()->set_nanos(5'000'000);
  const absl::Status status = FromGrpcStatus(WithDetails(reason, retry));
  ASSERT_TRUE(ReasonOf(status).has_value());
  EXPECT_EQ(ReasonOf(status)->reason, "RESUME_TOKEN_TOO_OLD");
  EXPECT_EQ(ReasonOf(status)->domain, "conntrack");
  EXPECT_EQ(ReasonOf(status)->metadata.at("oldest_resume_token"), "AAAA");
  EXPECT_EQ(RetryDelayOf(status), std::chrono::milliseconds(2'005));
}

TEST(StatusTest, GarbageDetailsAreNoDetails) {
  const absl::Status status = FromGrpcStatus(
      grpc::Status(grpc::StatusCode::INTERNAL, "broken", std::string("\xff\xff\xff", 3)));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(ReasonOf(status).has_value());
}

TEST(StatusTest, AnAbsurdRetryDelayIsADay) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(INT64_MAX);
  const absl::Status status = FromGrpcStatus(WithDetails(google::rpc::ErrorInfo(), retry));
  EXPECT_EQ(RetryDelayOf(status), std::chrono::hours(24));
}

}  // namespace
}  // namespace conntrack::client
