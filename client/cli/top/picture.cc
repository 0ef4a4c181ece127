#include "client/cli/top/picture.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_join.h"
#include "client/cli/duration.h"
#include "client/cli/loss_ledger.h"
#include "client/cli/names.h"

namespace conntrack::cli::top {
namespace {

uint64_t Total(const v1::VerdictCounts& packets) {
  return packets.new_() + packets.established() + packets.related() + packets.invalid() +
         packets.untracked() + packets.table_full();
}

uint64_t Lost(const v1::Sensor& sensor) {
  return sensor.rejected_packets() + sensor.counts().kernel_dropped_packets() +
         sensor.counts().buffer_dropped_packets();
}

bool IsHalfOpen(const v1::StateCount& count) {
  return count.protocol() == "tcp" && (count.state() == "syn_sent" || count.state() == "syn_recv" ||
                                       count.state() == "syn_sent2");
}

// Reads rates off two looks of the same run of a server.
class Rates {
 public:
  Rates(const Look* before, const Look& now) : before_(before) {
    if (before == nullptr) return;
    seconds_ = std::chrono::duration<double>(now.at - before->at).count();
    const auto& then_started = before->stats.start_time();
    const auto& now_started = now.stats.start_time();
    if (seconds_ <= 0 || then_started.seconds() != now_started.seconds() ||
        then_started.nanos() != now_started.nanos()) {
      before_ = nullptr;
    }
  }

  // The look before; null when no rate can be told.
  const Look* before() const { return before_; }

  // REQUIRES: before() is not null.
  double Of(uint64_t then, uint64_t now) const {
    return now < then ? 0 : static_cast<double>(now - then) / seconds_;
  }

 private:
  const Look* before_;
  double seconds_ = 0;
};

// What `rows` of the look before has under a key; null when there is none.
template <typename Row, typename Key>
const Row* Find(const google::protobuf::RepeatedPtrField<Row>& rows, const Key& has_key) {
  const auto found = std::find_if(rows.begin(), rows.end(), has_key);
  return found == rows.end() ? nullptr : &*found;
}

void AddTotals(const Rates& rates, const Look& now, Picture* picture) {
  const v1::GetStatsResponse& stats = now.stats;
  picture->time = now.time;
  picture->software = stats.software();
  const int64_t seconds = now.time.seconds() - stats.start_time().seconds();
  picture->uptime = DurationText(std::chrono::seconds(std::max<int64_t>(seconds, 0)));
  picture->connections = stats.connections();
  picture->watchers = stats.watchers();
  picture->lost_events = stats.lost_events();
  picture->evicted = stats.evicted_connections();
  for (const v1::StateCount& count : stats.states()) {
    if (IsHalfOpen(count)) picture->half_open += count.connections();
  }
  if (rates.before() == nullptr) return;
  const v1::GetStatsResponse& then = rates.before()->stats;
  picture->packet_rate = rates.Of(Total(then.packets()), Total(stats.packets()));
  picture->new_rate = rates.Of(then.events().new_(), stats.events().new_());
  picture->closed_rate = rates.Of(then.events().destroy(), stats.events().destroy());
  picture->invalid_rate = rates.Of(then.packets().invalid(), stats.packets().invalid());
}

void AddStatesAndReasons(const Rates& rates, const Look& now, Picture* picture) {
  for (const v1::StateCount& count : now.stats.states()) {
    picture->states.push_back({count.protocol(), count.state(), count.connections()});
  }
  std::stable_sort(
      picture->states.begin(), picture->states.end(),
      [](const StateRow& a, const StateRow& b) { return a.connections > b.connections; });
  for (const v1::InvalidCount& count : now.stats.invalid()) {
    ReasonRow row = {ReasonText(count.reason()), count.packets(), std::nullopt};
    if (rates.before() != nullptr) {
      const v1::InvalidCount* then =
          Find(rates.before()->stats.invalid(),
               [&](const v1::InvalidCount& other) { return other.reason() == count.reason(); });
      // Reasons that never occurred are left out.
      row.packet_rate = rates.Of(then == nullptr ? 0 : then->packets(), count.packets());
    }
    picture->reasons.push_back(std::move(row));
  }
  std::stable_sort(picture->reasons.begin(), picture->reasons.end(),
                   [](const ReasonRow& a, const ReasonRow& b) { return a.packets > b.packets; });
}

void AddZones(const Rates& rates, const Look& now, Picture* picture) {
  for (const v1::Zone& zone : now.zones.zones()) {
    ZoneRow row = {zone.zone(),
                   zone.connections(),
                   zone.settings().connections_max(),
                   zone.evicted_connections(),
                   std::nullopt,
                   std::nullopt};
    if (rates.before() != nullptr) {
      const v1::Zone* found = Find(rates.before()->zones.zones(), [&](const v1::Zone& other) {
        return other.zone() == zone.zone();
      });
      // A zone that was not there had no packets.
      const v1::Zone& then = found == nullptr ? v1::Zone::default_instance() : *found;
      row.packet_rate = rates.Of(Total(then.packets()), Total(zone.packets()));
      row.invalid_rate = rates.Of(then.packets().invalid(), zone.packets().invalid());
    }
    picture->zones.push_back(row);
  }
}

void AddSensors(const Rates& rates, const Look& now, Picture* picture) {
  for (const v1::Sensor& sensor : now.sensors.sensors()) {
    SensorRow row;
    row.id = sensor.sensor_id();
    row.zone = sensor.zone();
    row.connected = sensor.connected();
    if (sensor.has_lag()) row.lag = DurationText(sensor.lag());
    row.lost = Lost(sensor);
    row.ledger = LedgerText(sensor);
    if (rates.before() != nullptr) {
      // Counts begin anew with each session of a sensor.
      const v1::Sensor* found =
          Find(rates.before()->sensors.sensors(), [&](const v1::Sensor& other) {
            return other.sensor_id() == sensor.sensor_id() &&
                   other.session_id() == sensor.session_id();
          });
      const v1::Sensor& then = found == nullptr ? v1::Sensor::default_instance() : *found;
      row.packet_rate = rates.Of(then.applied_packets(), sensor.applied_packets());
      row.lost_rate = rates.Of(Lost(then), Lost(sensor));
    }
    picture->sensors.push_back(std::move(row));
  }
}

void AddGroups(const Rates& rates, const Look& now, Picture* picture) {
  picture->question = now.question;
  if (!now.groups.has_value()) return;
  picture->matched = now.groups->count();
  picture->other_groups = now.groups->other_groups();
  const auto key_of = [](const v1::ConnectionGroup& group) {
    return absl::StrJoin(group.values(), "\n");
  };
  std::map<std::string, const v1::ConnectionGroup*> then;
  const bool comparable = rates.before() != nullptr && rates.before()->groups.has_value() &&
                          rates.before()->question == now.question;
  if (comparable) {
    for (const auto& group : rates.before()->groups->groups()) then[key_of(group)] = &group;
  }
  for (const v1::ConnectionGroup& group : now.groups->groups()) {
    GroupRow row;
    row.values.assign(group.values().begin(), group.values().end());
    row.connections = group.connections();
    row.packets = group.packets();
    row.bytes = group.bytes();
    const auto found = then.find(key_of(group));
    if (found != then.end()) {
      row.packet_rate = rates.Of(found->second->packets(), group.packets());
      row.byte_rate = rates.Of(found->second->bytes(), group.bytes());
    } else if (comparable && !rates.before()->groups->has_other()) {
      // All groups were told, so this one is new.
      row.packet_rate = rates.Of(0, group.packets());
      row.byte_rate = rates.Of(0, group.bytes());
    }
    picture->groups.push_back(std::move(row));
  }
}

}  // namespace

Picture Compare(const Look* before, const Look& now) {
  const Rates rates(before, now);
  Picture picture;
  AddTotals(rates, now, &picture);
  AddStatesAndReasons(rates, now, &picture);
  AddZones(rates, now, &picture);
  AddSensors(rates, now, &picture);
  AddGroups(rates, now, &picture);
  return picture;
}

}  // namespace conntrack::cli::top
