#include "client/cli/conntrack/selection.h"

#include <sys/socket.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/format_conntrack.h"

namespace conntrack::cli {
namespace {

// Whether the bits of the mask are the same in both.
bool SameUnder(const IpAddress& mask, const IpAddress& one, const IpAddress& other) {
  for (int i = 0; i < one.size(); ++i) {
    if (((one.bytes[i] ^ other.bytes[i]) & mask.bytes[i]) != 0) return false;
  }
  return one.family == other.family;
}

}  // namespace

void Selection::Add(const std::string& test) {
  absl::StrAppend(&filter_, filter_.empty() ? "" : " AND ", test);
}

void Selection::AddAddress(const char* field, const IpAddress& address,
                           const std::optional<IpAddress>& mask) {
  const auto length = mask.has_value() ? PrefixLength(*mask) : address.size() * 8;
  if (length.has_value()) {
    Add(absl::StrCat("ip_in(", field, ", \"", address.Text(), "/", *length, "\")"));
    return;
  }
  const bool source = std::string(field) == "original.source";
  tests_.emplace_back([source, address, mask = *mask](const v1::Connection& connection) {
    const auto& tuple = connection.original();
    const auto theirs =
        ParseIpAddress(source ? tuple.source_address() : tuple.destination_address());
    return theirs.ok() && SameUnder(mask, address, *theirs);
  });
}

void Selection::AddKeys(const DirectionOptions& direction, bool original) {
  // Filters have the keys of the original direction.
  const char* source = original ? "gre.source_key" : "gre.destination_key";
  const char* destination = original ? "gre.destination_key" : "gre.source_key";
  if (direction.source_key.has_value()) Add(absl::StrCat(source, " = ", *direction.source_key));
  if (direction.destination_key.has_value()) {
    Add(absl::StrCat(destination, " = ", *direction.destination_key));
  }
}

void Selection::AddDirection(const char* name, const DirectionOptions& direction, bool ports) {
  if (direction.source_port.has_value()) {
    Add(absl::StrCat(name, ".source_port = ", *direction.source_port));
  }
  if (direction.destination_port.has_value()) {
    Add(absl::StrCat(name, ".destination_port = ", *direction.destination_port));
  }
  // DCCP is tracked by its addresses.
  nothing_ |=
      !ports && (direction.source_port.has_value() || direction.destination_port.has_value());
  // A zone is of both directions here; 0 is what the others have.
  nothing_ |= direction.zone.value_or(0) != 0;
}

void Selection::AddValues(const ConntrackOptions& options) {
  if (options.state == "NONE") {
    nothing_ = true;
  } else if (options.state.has_value()) {
    Add("state = " + *options.state);
  }
  if (options.mark.has_value()) {
    const auto [value, mask] = *options.mark;
    nothing_ |= (value & ~mask) != 0;
    Add(absl::StrFormat("mark = 0x%x/0x%x", value & mask, mask));
    marked_ = true;
  }
  if (options.status.has_value()) {
    constexpr std::pair<const char*, uint32_t> kKept[] = {
        {"EXPECTED", kExpected}, {"SEEN_REPLY", kSeenReply}, {"ASSURED", kAssured}};
    uint32_t rest = *options.status;
    for (const auto& [name, bit] : kKept) {
      if ((rest & bit) != 0) Add(absl::StrCat("status:", name));
      rest &= ~bit;
    }
    // Timeouts that packets do not move, and what hardware forwards.
    nothing_ |= rest != 0;
  }
  if (options.timeout_seconds.has_value()) {
    const int64_t seconds = *options.timeout_seconds;
    tests_.emplace_back([seconds](const v1::Connection& connection) {
      return connection.timeout().seconds() == seconds;
    });
  }
}

Selection::Selection(const ConntrackOptions& options) : events_(options.events) {
  if (options.id.has_value()) Add(absl::StrCat("id = ", *options.id));
  if (options.zone.has_value()) Add(absl::StrCat("zone = ", *options.zone));
  if (options.family != 0) Add(options.family == AF_INET ? "family = 4" : "family = 6");
  if (options.protocol.has_value()) Add(absl::StrCat("protocol = ", int{*options.protocol}));
  const auto& [original, reply] = std::tie(options.original, options.reply);
  if (original.source.has_value()) {
    AddAddress("original.source", *original.source, options.source_mask);
  }
  if (original.destination.has_value()) {
    AddAddress("original.destination", *original.destination, options.destination_mask);
  }
  if (reply.source.has_value()) AddAddress("reply.source", *reply.source, std::nullopt);
  if (reply.destination.has_value()) {
    AddAddress("reply.destination", *reply.destination, std::nullopt);
  }
  const bool ports = options.protocol != uint8_t{v1::PROTOCOL_DCCP};
  AddDirection("original", original, ports);
  AddDirection("reply", reply, ports);
  AddKeys(original, true);
  AddKeys(reply, false);
  if (options.icmp_type.has_value()) Add(absl::StrCat("icmp.type = ", int{*options.icmp_type}));
  if (options.icmp_code.has_value()) Add(absl::StrCat("icmp.code = ", int{*options.icmp_code}));
  if (options.icmp_id.has_value()) Add(absl::StrCat("icmp.id = ", *options.icmp_id));
  for (const uint32_t label : options.labels) Add(absl::StrCat("labels:", label));
  labelled_ = !options.labels.empty();
  // Who only watches sees no translation.
  nothing_ |= options.translated;
  if (options.command != Command::kUpdate) AddValues(options);
}

bool Selection::Has(const v1::Connection& connection) const {
  return !nothing_ && std::all_of(tests_.begin(), tests_.end(),
                                  [&](const auto& test) { return test(connection); });
}

bool Selection::Has(const v1::Event& event) const {
  const auto kind = [&]() -> uint32_t {
    switch (event.type()) {
      case v1::EVENT_TYPE_NEW:
        return kNewEvents;
      case v1::EVENT_TYPE_UPDATE:
        return kUpdateEvents;
      case v1::EVENT_TYPE_DESTROY:
        return kDestroyEvents;
      default:
        // LEFT tells what is not meant any more.
        return 0;
    }
  }();
  const ConntrackParts parts = PartsOf(event);
  return (events_ & kind) != 0 && (!marked_ || parts.mark) && (!labelled_ || parts.labels) &&
         Has(event.connection());
}

}  // namespace conntrack::cli
