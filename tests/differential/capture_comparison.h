// Leads the packets of a capture through the kernel and through this project,
// and compares them: each packet with the tracker that the sensor's decoder
// feeds; and, when all are sent, what the kernel has with what a real server
// lists that a real sensor fed.
//
// Linux lives on real time, so packets are sent as fast as it takes them,
// whatever times the capture tells. Each gets the moment at which the kernel saw
// it as its time on our side too: they are recorded with those times, the
// recording is what the sensor reads, and its zone lives on packet time. So both
// sides share one clock, though ours runs later. Timeouts are so long that
// nothing expires, and hours apart, so that the time a connection has left tells
// by which of them it lives. The one rule with a time of its own is UDP's of 2 s:
// a packet that would be a close call waits until it is none.
//
// Not thread-safe.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/sensor/packet.h"
#include "server/tracker/settings.h"
#include "tests/differential/kernel_subject.h"
#include "tests/differential/packet_class.h"
#include "tests/differential/real_chain.h"

namespace conntrack {

// What became of the frames of one capture, or of several.
struct CaptureCounts {
  uint64_t frames = 0;
  // Frames that both sides got and answered alike.
  uint64_t compared = 0;
  // Frames of connections that had differed before.
  uint64_t after_difference = 0;
  uint64_t connections = 0;
  std::array<uint64_t, kLeftOutClasses> left_out = {};
  std::array<uint64_t, kCompletions> completed = {};
  // Frames that the sensor refuses, fragments included. The kernel got them too
  // where they are IP and whole, and had to be silent.
  std::array<uint64_t, sensor::kDiscardReasons> refused = {};
  // Frames that only completed others, or wait for them.
  uint64_t fragments = 0;

  void Add(const CaptureCounts& other);
};

struct CaptureReport {
  CaptureCounts counts;
  // Sentences; empty when both sides agree.
  std::vector<std::string> differences;
  // Why the capture was not read to its end; empty when it was.
  std::string damage;
};

// Settings under which nothing expires during a replay.
ZoneSettings ReplaySettings();

// Called now and then with the number of frames so far.
using CaptureProgress = std::function<void(uint64_t frames)>;

// The status of OpenCaptureFile when the capture cannot be opened; Unavailable
// and Internal when a side fails.
absl::StatusOr<CaptureReport> CompareCapture(const std::string& path, const ZoneSettings& settings,
                                             KernelSubject* kernel,
                                             const CaptureProgress& progress);

}  // namespace conntrack
