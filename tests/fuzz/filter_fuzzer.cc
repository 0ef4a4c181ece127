// Filter text comes from strangers. Whatever it is, the answer is a filter or
// an InvalidArgument that names a place within the text; and what compiles has
// the laws of logic: F OR NOT F is true, F AND NOT F is false.
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/tracker/check.h"
#include "server/tracker/filter.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

FilterOptions Options() {
  FilterOptions options;
  options.slot_count = 256;
  options.sensor_index = [](absl::string_view name) {
    return name == "edge-1" ? std::optional<uint16_t>(1) : std::nullopt;
  };
  return options;
}

StoredConnection ConnectionOf(uint8_t protocol, bool ipv6) {
  StoredConnection stored = {};
  stored.record.in_use = 1;
  stored.record.protocol = protocol;
  stored.record.ipv6 = ipv6 ? 1 : 0;
  stored.record.original_from_first = 1;
  stored.record.address = {0x0A00'0001, 0xC000'0207};
  stored.record.ports = PortsWord(2'048, 443);
  stored.record.sensor = 1;
  stored.record.deadline = kNow;
  stored.addresses = {{0x2001'0DB8'0000'0000, 1}, {0x2001'0DB8'0000'0000, 2}};
  if (protocol == kProtocolTcp) stored.record.tcp.state = TcpState::kEstablished;
  stored.extra.id = 257;
  stored.extra.created = kNow;
  return stored;
}

void CheckError(absl::string_view text, const absl::Status& status) {
  CT_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  absl::string_view message = status.message();
  // The message goes to a terminal and a log: one printable line.
  for (const char c : message) CT_CHECK(absl::ascii_isprint(static_cast<unsigned char>(c)));
  CT_CHECK(message.size() < 512);
  if (text.size() > kFilterBytesMax) return;
  CT_CHECK(absl::ConsumePrefix(&message, "filter column "));
  size_t column = 0;
  CT_CHECK(absl::SimpleAtoi(message.substr(0, message.find(':')), &column));
  CT_CHECK(column >= 1 && column <= text.size() + 1);
}

void CheckLaws(absl::string_view text, const Filter& filter) {
  const absl::StatusOr<Filter> always =
      Filter::Compile(absl::StrCat("(", text, ") OR NOT (", text, ")"), Options());
  const absl::StatusOr<Filter> never =
      Filter::Compile(absl::StrCat("(", text, ") -(", text, ")"), Options());
  CT_CHECK(always.ok() == never.ok());
  for (const uint8_t protocol : {kProtocolTcp, kProtocolUdp, kProtocolIcmp, kProtocolIcmpv6}) {
    for (const bool ipv6 : {false, true}) {
      const StoredConnection connection = ConnectionOf(protocol, ipv6);
      filter.Matches(connection.ref(), kNow);
      // Twice the text may be above a limit.
      if (!always.ok()) continue;
      CT_CHECK(always->Matches(connection.ref(), kNow));
      CT_CHECK(!never->Matches(connection.ref(), kNow));
    }
  }
}

}  // namespace
}  // namespace conntrack

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto filter = conntrack::Filter::Compile(text, conntrack::Options());
  if (!filter.ok()) {
    conntrack::CheckError(text, filter.status());
  } else if (!filter->matches_all()) {
    conntrack::CheckLaws(text, *filter);
  }
  return 0;
}
