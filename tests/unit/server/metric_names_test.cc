// The labels of metrics are the names of the wire in lower case, so that an
// operator finds a reason of a graph in the API's reference.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "conntrack/v1/types.pb.h"
#include "server/tracker/names.h"

namespace conntrack {
namespace {

TEST(MetricNamesTest, ReasonsAreNamedAsOnTheWire) {
  for (size_t i = 1; i < kInvalidReasons; ++i) {
    const std::string wire = v1::InvalidReason_Name(static_cast<v1::InvalidReason>(i));
    const char* const label = NameOf(static_cast<InvalidReason>(i));
    EXPECT_EQ(wire, absl::StrCat("INVALID_REASON_", absl::AsciiStrToUpper(label)));
  }
  EXPECT_EQ(v1::InvalidReason_MAX, kInvalidReasons - 1);
}

TEST(MetricNamesTest, VerdictsHaveTheirNames) {
  EXPECT_STREQ(NameOf(VerdictKind::kNew), "new");
  EXPECT_STREQ(NameOf(VerdictKind::kInvalid), "invalid");
  EXPECT_STREQ(NameOf(VerdictKind::kTableFull), "table_full");
}

}  // namespace
}  // namespace conntrack
