#include "server/resume_token.h"

#include <gtest/gtest.h>

namespace conntrack {
namespace {

TEST(ResumeTokenTest, DecodesWhatItEncodes) {
  const ResumeToken token{1'700'000'000'000'000, {0, 1, 300, uint64_t{1} << 60}};
  const auto decoded = DecodeResumeToken(EncodeResumeToken(token), 4);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->epoch, token.epoch);
  EXPECT_EQ(decoded->sequences, token.sequences);
}

TEST(ResumeTokenTest, EveryTruncationIsRefused) {
  const std::string text = EncodeResumeToken({77, {1, 2, 3, 4}});
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(DecodeResumeToken(text.substr(0, size), 4).status().code(),
              absl::StatusCode::kInvalidArgument)
        << size;
  }
  EXPECT_FALSE(DecodeResumeToken(text + "x", 4).ok());
}

TEST(ResumeTokenTest, AnotherNumberOfSlotsIsRefused) {
  const std::string text = EncodeResumeToken({77, {1, 2, 3, 4}});
  EXPECT_FALSE(DecodeResumeToken(text, 8).ok());
}

}  // namespace
}  // namespace conntrack
