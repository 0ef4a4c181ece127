// Feed drives a capture into a session: it paces a replay, sends batches that
// are late, gives signs of life, shows progress, and stops when it is asked to.
//
// Everything happens on the thread that calls Read and Finish.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "client/sensor/capture.h"
#include "client/sensor/options.h"
#include "client/sensor/pacing.h"
#include "client/sensor/pipeline.h"
#include "client/sensor/progress.h"
#include "client/sensor/sender.h"
#include "client/sensor/stop_signal.h"
#include "conntrack/ingest.h"

namespace conntrack::sensor {

class Feed {
 public:
  using Clock = std::chrono::steady_clock;

  // The pointers are kept and must outlive this. REQUIRES: `session` is
  // connected.
  Feed(const Options& options, Capture* capture, client::IngestSession* session, StopSignal* stop);

  // Reads until the input ends, a signal comes or the session fails. What the
  // capture says about its end.
  absl::Status Read();

  // Sends the rest and waits until all of it is acknowledged. The session's
  // failure, or DeadlineExceeded.
  absl::Status Finish();

  // The books, the capture's drops included.
  Ledger ledger();
  client::IngestCounts counts() const { return sender_.counts(); }

 private:
  bool live() const { return options_.read_file.empty(); }
  bool Take(const Frame& frame);
  bool WaitUntilDue(uint64_t time_unix_ns);
  // What has to be done now and then. False: stop.
  bool Turn();
  void SendLateBatch(Clock::time_point now);
  void SendHeartbeat(uint64_t time_unix_ns);
  void Show(Clock::time_point now);
  // Called while a full buffer holds a batch up.
  bool WaitForRoom();
  void AdoptLimits();

  const Options& options_;
  Capture* const capture_;
  client::IngestSession* const session_;
  StopSignal* const stop_;
  Sender sender_;
  Pipeline pipeline_;
  std::optional<Pacer> pacer_;
  Progress progress_;
  Clock::time_point next_heartbeat_;
  // When the open batch is late; it is the one after `open_after_batches_`.
  std::optional<Clock::time_point> late_at_;
  uint64_t open_after_batches_ = 0;
  uint64_t connects_ = 0;
  std::optional<Clock::time_point> give_up_at_;
};

}  // namespace conntrack::sensor
