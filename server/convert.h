// The tracker's nouns as wire messages, and back: the only place, with
// convert_packets.h for what sensors send, that knows both sides.
//
// Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "conntrack/v1/admin_service.pb.h"
#include "conntrack/v1/connection_service.pb.h"
#include "conntrack/v1/types.pb.h"
#include "conntrack/v1/watch_service.pb.h"
#include "server/connection_fields.h"
#include "server/sensors.h"
#include "server/tracker/address_text.h"
#include "server/tracker/connection.h"
#include "server/tracker/groups.h"
#include "server/tracker/settings.h"
#include "server/tracker/verdict.h"
#include "server/tracker/zone.h"

namespace conntrack {

// What converting a connection takes besides the connection.
struct WireContext {
  const SensorRegistry* sensors;
  uint32_t slot_count;
  // Which fields are written.
  ConnectionFields fields = {};
};

// Writes `connection`; `now` is its zone's clock, which the remaining timeout is
// counted from.
void ToWire(const ConnectionRef& connection, Time now, const WireContext& context,
            v1::Connection* out);

// Adds the numbers of labels that are set, the lowest first.
void ToWire(const Labels& labels, google::protobuf::RepeatedField<uint32_t>* out);

// Sets the labels with these numbers. InvalidArgument, naming `field`, when one is
// above 127; some may be set then.
absl::Status ReadLabels(const std::string& field,
                        const google::protobuf::RepeatedField<uint32_t>& numbers, Labels* labels);

// Writes the sums of a group, not its values.
void ToWire(const GroupSums& sums, v1::ConnectionGroup* out);

void ToWire(Time time, google::protobuf::Timestamp* out);
void ToWire(Duration duration, google::protobuf::Duration* out);
// InvalidArgument, naming `field`, for a time before 1970 or after 2106.
absl::StatusOr<Time> ReadTime(const std::string& field, const google::protobuf::Timestamp& time);
// Nullopt for one that is negative, malformed, or above a thousand million seconds.
std::optional<Duration> FromWire(const google::protobuf::Duration& duration);
v1::Clock ToWire(ZoneClock clock);
void ToWire(const ZoneSettings& settings, v1::ZoneSettings* out);

v1::Verdict ToWire(VerdictKind kind);
// Of a packet that is NEW, ESTABLISHED or RELATED; else unspecified.
v1::Direction WireDirection(const Verdict& verdict);
// A verdict as BatchVerdicts has it.
uint8_t VerdictByte(const Verdict& verdict);

// REQUIRES: a value of the enum.
GroupOrder FromWire(v1::GroupOrder order);

// Settings as a caller sent them. InvalidArgument, naming the field, when one
// is out of range.
absl::StatusOr<ZoneSettings> FromWire(const v1::ZoneSettings& settings);

// An address and its family.
struct ParsedAddress {
  Family family = Family::kIpv4;
  Address address;
};
// InvalidArgument when the text is neither an IPv4 nor an IPv6 address.
absl::StatusOr<ParsedAddress> ParseAddress(absl::string_view text);

// What Tracker::Find takes, from a caller's key. InvalidArgument, naming the
// field, for a key that no connection can have.
struct ParsedKey {
  Family family = Family::kIpv4;
  uint8_t protocol = 0;
  Address source;
  Address destination;
  uint32_t ports = 0;
};
absl::StatusOr<ParsedKey> FromWire(const v1::ConnectionKey& key);
// The same from a protocol, and the tuple in the field called `name`.
absl::StatusOr<ParsedKey> ReadKey(const std::string& name, v1::Protocol protocol,
                                  const v1::Tuple& tuple);

}  // namespace conntrack
