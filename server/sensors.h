// The sensors that the server has seen, each with its session and its side of
// the loss ledger.
//
// SensorRegistry is thread-safe. Sensors are never forgotten; their number has
// a limit. The counters of a Sensor are relaxed atomics, written by the stream
// that holds its session and read by metrics and queries.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/mutex.h"
#include "server/tracker/time.h"
#include "server/tracker/tuple.h"

namespace conntrack {

// Longest id of a sensor, in bytes.
inline constexpr size_t kSensorIdMax = 63;

struct Sensor {
  Sensor(std::string sensor_id, uint16_t sensor_index)
      : id(std::move(sensor_id)), index(sensor_index) {}

  const std::string id;
  const uint16_t index;

  // Of the last session; reset when a new one begins.
  std::atomic<uint64_t> applied_sequence{0};
  std::atomic<uint64_t> earlier_packets{0};
  std::atomic<uint64_t> captured_packets{0};
  std::atomic<uint64_t> filtered_packets{0};
  std::atomic<uint64_t> kernel_dropped_packets{0};
  std::atomic<uint64_t> buffer_dropped_packets{0};
  std::atomic<uint64_t> session_applied_batches{0};
  std::atomic<uint64_t> session_applied_packets{0};
  std::atomic<uint64_t> session_duplicate_packets{0};
  std::atomic<uint64_t> session_rejected_packets{0};

  // Since the server began; for metrics.
  std::atomic<uint64_t> applied_batches{0};
  std::atomic<uint64_t> applied_packets{0};
  std::atomic<uint64_t> duplicate_packets{0};
  std::atomic<uint64_t> rejected_batches{0};
  std::atomic<uint64_t> rejected_packets{0};
  std::atomic<Time> last_message{kNeverYet};
  std::atomic<Time> last_packet{kNeverYet};
  // Packet to server, of the newest batch; negative: does not apply.
  std::atomic<int64_t> lag_ns{-1};
  std::atomic<bool> connected{false};
};

// What does not change while a session lasts.
struct SensorSession {
  std::string session_id;
  uint32_t zone_id = 0;
  std::string software;
};

class SensorRegistry {
 public:
  // REQUIRES: sensors_max is between 1 and 65,535.
  explicit SensorRegistry(size_t sensors_max);

  // Gives a stream the session; it must call Close. A session that is known
  // goes on where it was; another one of the same sensor begins anew.
  // `first_sequence` and `earlier_packets` are the hello's.
  //
  // AlreadyExists when the sensor is connected; ResourceExhausted when there
  // are sensors_max others.
  absl::StatusOr<Sensor*> Open(const std::string& sensor_id, const SensorSession& session,
                               uint64_t first_sequence, uint64_t earlier_packets);
  void Close(Sensor* sensor);

  // All sensors, by id, with their sessions. The pointers live as long as this.
  struct Row {
    const Sensor* sensor;
    SensorSession session;
  };
  std::vector<Row> List() const;

  // The sensor of an index; null when there is none. Takes no lock.
  const Sensor* Find(uint16_t index) const;
  // Its id; empty when there is none.
  std::string IdOf(uint16_t index) const;
  // The index of a sensor; nullopt when it was never seen.
  std::optional<uint16_t> IndexOf(absl::string_view sensor_id) const;

 private:
  struct Entry {
    std::unique_ptr<Sensor> sensor;
    SensorSession session;
  };

  const size_t sensors_max_;
  mutable Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint16_t> index_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<std::atomic<Sensor*>[]> by_index_;
};

}  // namespace conntrack
