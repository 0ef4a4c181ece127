#include "server/admin_service.h"

#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/status.h"

namespace conntrack {
namespace {

using google::protobuf::util::FieldMaskUtil;

struct Totals {
  std::array<uint64_t, kVerdictKinds> packets = {};
  std::array<uint64_t, kInvalidReasons> invalid = {};
  std::array<uint64_t, kEventTypes> events = {};
  std::array<int64_t, kConnectionGauges> by_state = {};
  uint64_t evicted = 0;

  void Add(const Zone& zone) {
    for (size_t i = 0; i < kVerdictKinds; ++i) packets[i] += zone.packets[i].load();
    for (size_t i = 0; i < kInvalidReasons; ++i) invalid[i] += zone.invalid[i].load();
    for (size_t i = 0; i < kEventTypes; ++i) events[i] += zone.events[i].load();
    for (size_t i = 0; i < kConnectionGauges; ++i) by_state[i] += zone.by_state[i].load();
    evicted += zone.evicted.load();
  }

  void PacketsToWire(v1::VerdictCounts* out) const {
    const auto of = [&](VerdictKind kind) { return packets[static_cast<size_t>(kind)]; };
    out->set_new_(of(VerdictKind::kNew));
    out->set_established(of(VerdictKind::kEstablished));
    out->set_related(of(VerdictKind::kRelated));
    out->set_invalid(of(VerdictKind::kInvalid));
    out->set_untracked(of(VerdictKind::kUntracked));
    out->set_table_full(of(VerdictKind::kTableFull));
  }

  void StatesToWire(v1::GetStatsResponse* out) const {
    for (size_t gauge = 0; gauge < kConnectionGauges; ++gauge) {
      // A reader may see a connection's end before its beginning.
      if (by_state[gauge] <= 0) continue;
      const GaugeName name = NameOfGauge(gauge);
      v1::StateCount* count = out->add_states();
      count->set_protocol(name.protocol);
      count->set_state(name.state);
      count->set_connections(static_cast<uint64_t>(by_state[gauge]));
    }
  }
};

grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

void SensorToWire(const SensorRegistry::Row& row, v1::Sensor* out) {
  const Sensor& sensor = *row.sensor;
  out->set_sensor_id(sensor.id);
  out->set_session_id(row.session.session_id);
  out->set_zone(row.session.zone_id);
  out->set_connected(sensor.connected);
  out->set_software(row.session.software);
  if (sensor.last_message.load() != kNeverYet) {
    ToWire(sensor.last_message, out->mutable_last_message_time());
  }
  if (sensor.last_packet.load() != kNeverYet) {
    ToWire(sensor.last_packet, out->mutable_last_packet_time());
  }
  out->set_applied_sequence(sensor.applied_sequence);
  out->set_applied_batches(sensor.session_applied_batches);
  out->set_applied_packets(sensor.session_applied_packets);
  out->set_duplicate_packets(sensor.session_duplicate_packets);
  out->set_rejected_packets(sensor.session_rejected_packets);
  out->set_earlier_packets(sensor.earlier_packets);
  v1::SensorCounts* counts = out->mutable_counts();
  counts->set_captured_packets(sensor.captured_packets);
  counts->set_filtered_packets(sensor.filtered_packets);
  counts->set_kernel_dropped_packets(sensor.kernel_dropped_packets);
  counts->set_buffer_dropped_packets(sensor.buffer_dropped_packets);
  if (sensor.lag_ns >= 0) ToWire(Duration(sensor.lag_ns), out->mutable_lag());
}

}  // namespace

AdminService::AdminService(const AdminOptions& options, Tracker* tracker,
                           const SensorRegistry* sensors, const ServerClock* clock,
                           const WatchStats* watch_stats)
    : options_(options),
      tracker_(tracker),
      sensors_(sensors),
      clock_(clock),
      watch_stats_(watch_stats) {}

grpc::ServerUnaryReactor* AdminService::GetStats(grpc::CallbackServerContext* context,
                                                 const v1::GetStatsRequest* /*request*/,
                                                 v1::GetStatsResponse* response) {
  response->set_software(options_.software);
  ToWire(clock_->start(), response->mutable_start_time());
  response->set_slot_count(tracker_->options().slot_count);
  response->set_connections(tracker_->connections());
  Totals totals;
  for (ZoneIndex index = 0; index < tracker_->zone_count(); ++index) {
    totals.Add(tracker_->zone(index));
  }
  totals.PacketsToWire(response->mutable_packets());
  for (size_t reason = 0; reason < kInvalidReasons; ++reason) {
    if (totals.invalid[reason] == 0) continue;
    v1::InvalidCount* count = response->add_invalid();
    count->set_reason(static_cast<v1::InvalidReason>(reason));
    count->set_packets(totals.invalid[reason]);
  }
  response->mutable_events()->set_new_(totals.events[0]);
  response->mutable_events()->set_update(totals.events[1]);
  response->mutable_events()->set_destroy(totals.events[2]);
  response->set_evicted_connections(totals.evicted);
  response->set_watchers(watch_stats_->watchers);
  response->set_lost_events(watch_stats_->lost_events);
  totals.StatesToWire(response);
  return Finish(context, absl::OkStatus());
}

void AdminService::ZoneToWire(ZoneIndex index, v1::Zone* out) const {
  const Zone& zone = tracker_->zone(index);
  out->set_zone(zone.id);
  out->set_clock(ToWire(zone.clock));
  const Time now = tracker_->NowOf(index, clock_->Now());
  if (now != kNeverYet) ToWire(now, out->mutable_time());
  out->set_connections(zone.connections);
  Totals totals;
  totals.Add(zone);
  totals.PacketsToWire(out->mutable_packets());
  out->set_evicted_connections(totals.evicted);
  ToWire(tracker_->GetZoneSettings(index), out->mutable_settings());
}

grpc::ServerUnaryReactor* AdminService::ListZones(grpc::CallbackServerContext* context,
                                                  const v1::ListZonesRequest* /*request*/,
                                                  v1::ListZonesResponse* response) {
  std::vector<ZoneIndex> zones(tracker_->zone_count());
  for (size_t i = 0; i < zones.size(); ++i) zones[i] = static_cast<ZoneIndex>(i);
  std::sort(zones.begin(), zones.end(), [this](ZoneIndex a, ZoneIndex b) {
    return tracker_->zone(a).id < tracker_->zone(b).id;
  });
  for (const ZoneIndex index : zones) ZoneToWire(index, response->add_zones());
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* AdminService::UpdateZone(grpc::CallbackServerContext* context,
                                                   const v1::UpdateZoneRequest* request,
                                                   v1::UpdateZoneResponse* response) {
  absl::Status status = options_.access.check(*context);
  if (status.ok()) status = Update(*request, response);
  if (status.ok()) {
    options_.access.log(*context, absl::StrCat("UpdateZone ", request->ShortDebugString()));
  }
  return Finish(context, status);
}

absl::Status AdminService::Update(const v1::UpdateZoneRequest& request,
                                  v1::UpdateZoneResponse* response) {
  const std::optional<ZoneIndex> index = tracker_->FindZone(request.zone());
  if (!index.has_value()) {
    return absl::NotFoundError(absl::StrCat("zone ", request.zone(), " does not exist"));
  }
  if (request.update_mask().paths_size() == 0) {
    return absl::InvalidArgumentError("update_mask is empty: name the fields to take");
  }
  for (const std::string& path : request.update_mask().paths()) {
    if (!FieldMaskUtil::IsValidPath<v1::ZoneSettings>(path)) {
      return absl::InvalidArgumentError(
          absl::StrCat("update_mask path \"", path, "\" is not a field of ZoneSettings"));
    }
  }
  v1::ZoneSettings merged;
  ToWire(tracker_->GetZoneSettings(*index), &merged);
  FieldMaskUtil::MergeOptions options;
  options.set_replace_message_fields(true);
  FieldMaskUtil::MergeMessageTo(request.settings(), request.update_mask(), options, &merged);
  const absl::StatusOr<ZoneSettings> settings = FromWire(merged);
  if (!settings.ok()) return settings.status();
  if (absl::Status status = tracker_->SetZoneSettings(*index, *settings); !status.ok()) {
    return status;
  }
  ZoneToWire(*index, response->mutable_zone());
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AdminService::ListSensors(grpc::CallbackServerContext* context,
                                                    const v1::ListSensorsRequest* /*request*/,
                                                    v1::ListSensorsResponse* response) {
  for (const SensorRegistry::Row& row : sensors_->List()) {
    SensorToWire(row, response->add_sensors());
  }
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* AdminService::Drain(grpc::CallbackServerContext* context,
                                              const v1::DrainRequest* /*request*/,
                                              v1::DrainResponse* response) {
  if (absl::Status status = options_.access.check(*context); !status.ok()) {
    return Finish(context, status);
  }
  options_.access.log(*context, "Drain");
  ToWire(Duration(options_.drain_timeout), response->mutable_grace());
  grpc::ServerUnaryReactor* reactor = Finish(context, absl::OkStatus());
  options_.drain();
  return reactor;
}

}  // namespace conntrack
