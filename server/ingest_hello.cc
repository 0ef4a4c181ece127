#include "server/ingest_hello.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/sensors.h"

namespace conntrack {
namespace {

constexpr size_t kSessionIdMax = 64;
constexpr size_t kSoftwareMax = 128;

bool IsName(absl::string_view text, size_t size_max, absl::string_view punctuation) {
  return !text.empty() && text.size() <= size_max &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  punctuation.find(c) != absl::string_view::npos;
         });
}

}  // namespace

absl::Status CheckHello(const v1::Hello& hello) {
  if (!IsName(hello.sensor_id(), kSensorIdMax, "._-")) {
    return absl::InvalidArgumentError(absl::StrCat("hello.sensor_id \"", hello.sensor_id(),
                                                   "\" is not 1 to 63 of [A-Za-z0-9._-]"));
  }
  if (!IsName(hello.session_id(), kSessionIdMax, "-")) {
    return absl::InvalidArgumentError(absl::StrCat("hello.session_id \"", hello.session_id(),
                                                   "\" is not 1 to 64 of [A-Za-z0-9-]"));
  }
  if (hello.first_sequence() == 0) {
    return absl::InvalidArgumentError("hello.first_sequence 0 is below 1");
  }
  if (hello.software().size() > kSoftwareMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("hello.software has ", hello.software().size(), " bytes, more than 128"));
  }
  if (!v1::Clock_IsValid(hello.clock())) {
    return absl::InvalidArgumentError(
        absl::StrCat("hello.clock ", static_cast<int>(hello.clock()), " is unknown"));
  }
  return absl::OkStatus();
}

}  // namespace conntrack
