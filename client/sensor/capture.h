// Where frames come from: a capture file, a pipe, or a live interface, all read
// by libpcap.
//
// A capture runs on one thread and never blocks longer than it is told to: a
// pipe that is silent and an interface without traffic give the caller its turn
// back, so that late batches leave and signals are seen.
//
// Not thread-safe. Frames are views that live until the callback returns.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/sensor/decode.h"

namespace conntrack::sensor {

// Called with each frame. False: stop after this one.
using FrameSink = std::function<bool(const Frame& frame)>;

// Called while there is nothing to read. False: stop.
using IdleCall = std::function<bool()>;

// How long a capture waits before it calls its IdleCall.
inline constexpr std::chrono::milliseconds kIdleInterval{10};

struct InterfaceOptions {
  std::string name;
  std::string filter;           // pcap-filter(7); empty: everything.
  int snaplen_bytes = 262'144;  // The whole of every frame.
  bool promiscuous = false;
  // Memory of the kernel's ring. A larger one bridges a longer pause.
  int ring_bytes = 64 << 20;
};

// What the kernel says it lost since the capture began.
struct KernelDrops {
  uint64_t ring_full = 0;  // No room in the ring.
  uint64_t interface = 0;  // The network card's or its driver's.
};

class Capture {
 public:
  virtual ~Capture() = default;

  // Hands frames to `sink` until the input ends, `sink` or `idle` say stop, or
  // the capture fails. OK in the first two cases. DataLoss when the input is
  // damaged or ends inside a record: what came before it was handed over.
  // Unavailable when the interface fails.
  virtual absl::Status Run(const FrameSink& sink, const IdleCall& idle) = 0;

  // Bytes of the input read so far; 0 for an interface.
  virtual uint64_t read_bytes() const = 0;
  // Size of the input; 0 when it is not known.
  virtual uint64_t total_bytes() const = 0;
  virtual KernelDrops kernel_drops() = 0;
};

// Opens a pcap or pcapng file; "-" is standard input. `idle` is called while a
// pipe has not delivered the head of the capture yet.
//
// Cancelled when `idle` says stop, NotFound when there is no such file, PermissionDenied when it
// may not be read, InvalidArgument when it is not a capture or `filter` is bad, Unimplemented when
// its link type is not one of LinkType.
absl::StatusOr<std::unique_ptr<Capture>> OpenCaptureFile(const std::string& path,
                                                         const std::string& filter,
                                                         const IdleCall& idle);

// Opens an interface. NotFound when there is none of that name,
// PermissionDenied without the right to capture, InvalidArgument for a bad
// filter, Unimplemented as above, Unavailable for what else libpcap says.
absl::StatusOr<std::unique_ptr<Capture>> OpenCaptureInterface(const InterfaceOptions& options);

}  // namespace conntrack::sensor
