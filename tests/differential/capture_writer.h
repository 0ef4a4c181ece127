// Writes frames to a pcap file with nanoseconds.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/sensor/decode.h"

struct pcap;
struct pcap_dumper;

namespace conntrack {

class CaptureWriter {
 public:
  // Unavailable when the file cannot be made.
  static absl::StatusOr<std::unique_ptr<CaptureWriter>> Create(const std::string& path,
                                                               sensor::LinkType link_type);
  ~CaptureWriter();
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;

  // REQUIRES: the frame has the link type of the file.
  void Write(const sensor::Frame& frame);
  // Unavailable when something was not written.
  absl::Status Flush();

 private:
  CaptureWriter() = default;

  pcap* pcap_ = nullptr;
  pcap_dumper* dumper_ = nullptr;
};

}  // namespace conntrack
