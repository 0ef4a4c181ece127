#include "server/status.h"

#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace conntrack {
namespace {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

google::rpc::ErrorInfo ReasonOf(const grpc::Status& status) {
  google::rpc::ErrorInfo error;
  const google::rpc::Status details = DetailsOf(status);
  EXPECT_GE(details.details_size(), 1);
  EXPECT_TRUE(details.details(0).UnpackTo(&error));
  return error;
}

TEST(StatusTest, OkStaysOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(StatusTest, EveryCodeKeepsItsNumberAndNamesItself) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "page_size -1 is below 0");
    const grpc::Status wire = ToGrpcStatus(status);
    EXPECT_EQ(wire.error_code(), code);
    EXPECT_EQ(wire.error_message(), "page_size -1 is below 0");
    EXPECT_EQ(DetailsOf(wire).code(), code);
    EXPECT_EQ(ReasonOf(wire).reason(), absl::StatusCodeToString(status.code()));
    EXPECT_EQ(ReasonOf(wire).domain(), "conntrack.v1");
  }
}

TEST(StatusTest, AReasonOfItsOwnComesWithItsMetadata) {
  const grpc::Status wire = ToGrpcStatus(
      WithReason(absl::OutOfRangeError("too old"), "RESUME_TOKEN_TOO_OLD", {{"oldest", "7"}}));
  EXPECT_EQ(ReasonOf(wire).reason(), "RESUME_TOKEN_TOO_OLD");
  EXPECT_EQ(ReasonOf(wire).domain(), "conntrack.v1");
  EXPECT_EQ(ReasonOf(wire).metadata().at("oldest"), "7");
  EXPECT_EQ(DetailsOf(wire).details_size(), 1);
}

TEST(StatusTest, WhatIsFullSaysWhenToTryAgain) {
  const google::rpc::Status details =
      DetailsOf(ToGrpcStatus(absl::ResourceExhaustedError("zones")));
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
}

TEST(StatusTest, BytesOfAClientAreEscapedAndCut) {
  const grpc::Status bytes = ToGrpcStatus(absl::InvalidArgumentError("sensor_id \xff\x01"));
  EXPECT_EQ(bytes.error_message(), "sensor_id \\xff\\x01");
  const grpc::Status text = ToGrpcStatus(absl::InvalidArgumentError(std::string(5000, 'a')));
  EXPECT_EQ(text.error_message(), std::string(1021, 'a') + "...");
}

}  // namespace
}  // namespace conntrack
