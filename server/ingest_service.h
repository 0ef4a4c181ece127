// IngestService takes the streams of sensors (conntrack/v1/ingest_service.proto):
// check, convert, track, acknowledge.
//
// Each stream has a thread and a completion queue of its own: measured against
// callback reactors, a thread that reads, decodes and tracks its own messages
// carries the most packets. One that cannot keep up gets a second thread, which
// does the same in turn with it. Messages come as bytes and are parsed here, so
// that one that is no IngestRequest gets a proper answer.
//
// Thread-safe. Order of calls: register with the server builder, Start after
// the server has started, BeginDrain, Close, grpc::Server::Shutdown, Stop.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "conntrack/v1/ingest_service.grpc.pb.h"
#include "server/sensors.h"
#include "server/server_clock.h"
#include "server/tracker/mutex.h"
#include "server/tracker/tracker.h"

namespace conntrack {

struct IngestOptions {
  // Streams at a time; each costs a thread and some 2 MB of memory, and one that cannot
  // keep up a second thread and some 2 MB more.
  uint32_t streams_max = 1024;
  uint32_t batch_packets_max = 4096;
  uint32_t message_bytes_max = 4u << 20;
  // A stream that sends no hello in this time is ended.
  std::chrono::milliseconds hello_timeout{10'000};
  // Told to sensors when the server drains.
  std::chrono::milliseconds drain_timeout{10'000};
  // Name and version, told to sensors.
  std::string software;
  // Settings of a zone that a hello makes.
  std::function<ZoneSettings(uint32_t zone)> zone_settings;
  // Called after packets made events; must return quickly.
  std::function<void()> on_events;
};

class IngestStream;

class IngestService {
 public:
  using Grpc = v1::IngestService::WithRawMethod_Ingest<v1::IngestService::Service>;

  // The pointers must outlive this.
  IngestService(const IngestOptions& options, Tracker* tracker, SensorRegistry* sensors,
                const ServerClock* clock);
  ~IngestService();
  IngestService(const IngestService&) = delete;
  IngestService& operator=(const IngestService&) = delete;

  // Adds the service, and the queue that new streams arrive on.
  void Register(grpc::ServerBuilder* builder);
  // Begins to accept streams.
  void Start();
  // Tells every stream to finish, and refuses new ones with UNAVAILABLE.
  void BeginDrain() { draining_.store(true); }
  // Streams open now.
  uint32_t stream_count() const { return stream_count_.load(); }
  // Asks gRPC for no further stream: it forgets a request that comes while the server
  // shuts down, and the queue would never end.
  void Close();
  // Ends the threads. REQUIRES: the server was shut down.
  void Stop();

 private:
  friend class IngestStream;

  struct Worker {
    std::unique_ptr<IngestStream> stream;
    std::thread thread;
  };

  void Accept();
  // Waits for a stream to arrive as `next`, unless this was closed.
  void RequestNext(IngestStream* next);
  void JoinFinished(bool all);

  const IngestOptions options_;
  Tracker* const tracker_;
  SensorRegistry* const sensors_;
  const ServerClock* const clock_;
  Grpc grpc_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread accept_thread_;
  std::atomic<bool> draining_{false};
  std::atomic<uint32_t> stream_count_{0};
  Mutex mutex_;
  std::list<Worker> workers_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace conntrack
