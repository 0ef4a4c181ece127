#include "tests/differential/capture_writer.h"

#include <pcap/pcap.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace conntrack {
namespace {

constexpr int kSnapLength = 262'144;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

int LinkTypeNumber(sensor::LinkType type) {
  static constexpr std::array<int, sensor::kLinkTypes> kNumbers = {
      DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW,  DLT_IPV4,
      DLT_IPV6,   DLT_NULL,      DLT_LOOP,       DLT_NFLOG};
  return kNumbers[static_cast<size_t>(type)];
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureWriter>> CaptureWriter::Create(const std::string& path,
                                                                     sensor::LinkType link_type) {
  std::unique_ptr<CaptureWriter> made(new CaptureWriter);
  made->pcap_ = pcap_open_dead_with_tstamp_precision(LinkTypeNumber(link_type), kSnapLength,
                                                     PCAP_TSTAMP_PRECISION_NANO);
  if (made->pcap_ == nullptr) return absl::UnavailableError("libpcap has no memory");
  made->dumper_ = pcap_dump_open(made->pcap_, path.c_str());
  if (made->dumper_ == nullptr) {
    return absl::UnavailableError(absl::StrCat(path, ": ", pcap_geterr(made->pcap_)));
  }
  return made;
}

CaptureWriter::~CaptureWriter() {
  if (dumper_ != nullptr) pcap_dump_close(dumper_);
  if (pcap_ != nullptr) pcap_close(pcap_);
}

void CaptureWriter::Write(const sensor::Frame& frame) {
  pcap_pkthdr header = {};
  header.ts.tv_sec = static_cast<time_t>(frame.time_unix_ns / kNanosecondsPerSecond);
  // In a file of nanoseconds they stand here.
  header.ts.tv_usec = static_cast<suseconds_t>(frame.time_unix_ns % kNanosecondsPerSecond);
  header.caplen = static_cast<bpf_u_int32>(frame.captured.size());
  header.len = frame.original_length;
  pcap_dump(reinterpret_cast<u_char*>(dumper_), &header, frame.captured.data());
}

absl::Status CaptureWriter::Flush() {
  if (pcap_dump_flush(dumper_) == 0) return absl::OkStatus();
  return absl::UnavailableError("a capture cannot be written");
}

}  // namespace conntrack
