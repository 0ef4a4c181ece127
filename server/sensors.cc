#include "server/sensors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace conntrack {

SensorRegistry::SensorRegistry(size_t sensors_max)
    : sensors_max_(sensors_max), by_index_(std::make_unique<std::atomic<Sensor*>[]>(sensors_max)) {}

absl::StatusOr<Sensor*> SensorRegistry::Open(const std::string& sensor_id,
                                             const SensorSession& session, uint64_t first_sequence,
                                             uint64_t earlier_packets) {
  const MutexLock lock(&mutex_);
  auto found = index_.find(sensor_id);
  if (found == index_.end()) {
    if (entries_.size() >= sensors_max_) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "sensor \"", sensor_id, "\" would be one more than the ", sensors_max_, " allowed"));
    }
    const auto index = static_cast<uint16_t>(entries_.size());
    entries_.push_back({std::make_unique<Sensor>(sensor_id, index), {}});
    by_index_[index].store(entries_.back().sensor.get(), std::memory_order_release);
    found = index_.emplace(sensor_id, index).first;
  }
  Entry& entry = entries_[found->second];
  Sensor& sensor = *entry.sensor;
  if (sensor.connected.load()) {
    return absl::AlreadyExistsError(absl::StrCat("sensor \"", sensor_id,
                                                 "\" has a stream already, with session ",
                                                 entry.session.session_id));
  }
  if (entry.session.session_id != session.session_id) {
    sensor.applied_sequence = first_sequence - 1;
    sensor.earlier_packets = earlier_packets;
    for (std::atomic<uint64_t>* counter :
         {&sensor.captured_packets, &sensor.filtered_packets, &sensor.kernel_dropped_packets,
          &sensor.buffer_dropped_packets, &sensor.session_applied_batches,
          &sensor.session_applied_packets, &sensor.session_duplicate_packets,
          &sensor.session_rejected_packets}) {
      counter->store(0);
    }
  }
  entry.session = session;
  sensor.connected = true;
  return &sensor;
}

void SensorRegistry::Close(Sensor* sensor) { sensor->connected = false; }

std::vector<SensorRegistry::Row> SensorRegistry::List() const {
  std::vector<Row> rows;
  {
    const MutexLock lock(&mutex_);
    rows.reserve(entries_.size());
    for (const Entry& entry : entries_) rows.push_back({entry.sensor.get(), entry.session});
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.sensor->id < b.sensor->id; });
  return rows;
}

const Sensor* SensorRegistry::Find(uint16_t index) const {
  return index < sensors_max_ ? by_index_[index].load(std::memory_order_acquire) : nullptr;
}

std::string SensorRegistry::IdOf(uint16_t index) const {
  const Sensor* const sensor = Find(index);
  return sensor == nullptr ? std::string() : sensor->id;
}

std::optional<uint16_t> SensorRegistry::IndexOf(absl::string_view sensor_id) const {
  const MutexLock lock(&mutex_);
  const auto found = index_.find(sensor_id);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

}  // namespace conntrack
