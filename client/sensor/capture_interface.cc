#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/sensor/capture.h"
#include "client/sensor/pcap_handle.h"

namespace conntrack::sensor {
namespace {

// How long TPACKET_V3 may keep a block that is not full: what a quiet
// interface adds to the age of a packet.
constexpr int kBlockTimeoutMs = 10;

class CaptureInterface final : public Capture {
 public:
  CaptureInterface(std::string name, pcap_t* pcap, LinkType link_type)
      : name_(std::move(name)),
        pcap_(pcap),
        link_type_(link_type),
        nanoseconds_(pcap_get_tstamp_precision(pcap) == PCAP_TSTAMP_PRECISION_NANO) {}

  ~CaptureInterface() override { pcap_close(pcap_); }

  absl::Status Run(const FrameSink& sink, const IdleCall& idle) override {
    sink_ = &sink;
    stopped_ = false;
    const int fd = pcap_get_selectable_fd(pcap_);
    while (idle()) {
      pollfd waiting{fd, POLLIN, 0};
      const int ready = poll(&waiting, 1, static_cast<int>(kIdleInterval.count()));
      if (ready < 0 && errno != EINTR) return Failed(std::strerror(errno));
      // One buffer at a time, so that `idle` has its turn under full load.
      const int got = pcap_dispatch(pcap_, kFramesPerTurn, &CaptureInterface::HandOver,
                                    reinterpret_cast<u_char*>(this));
      if (got == PCAP_ERROR) return Failed(pcap_geterr(pcap_));
      if (stopped_) break;
    }
    return absl::OkStatus();
  }

  uint64_t read_bytes() const override { return 0; }
  uint64_t total_bytes() const override { return 0; }

  // libpcap adds up the kernel's counters, which are 32 bits wide; differences
  // survive their wrap.
  KernelDrops kernel_drops() override {
    pcap_stat now{};
    if (pcap_stats(pcap_, &now) == 0) {
      drops_.ring_full += static_cast<uint32_t>(now.ps_drop - last_.ps_drop);
      drops_.interface += static_cast<uint32_t>(now.ps_ifdrop - last_.ps_ifdrop);
      last_ = now;
    }
    return drops_;
  }

 private:
  static constexpr int kFramesPerTurn = 4'096;

  static void HandOver(u_char* self, const pcap_pkthdr* header, const u_char* bytes) {
    auto* capture = reinterpret_cast<CaptureInterface*>(self);
    const uint64_t fraction = static_cast<uint64_t>(header->ts.tv_usec);
    const uint64_t time_unix_ns = static_cast<uint64_t>(header->ts.tv_sec) * 1'000'000'000 +
                                  (capture->nanoseconds_ ? fraction : fraction * 1'000);
    const Frame frame{capture->link_type_, time_unix_ns, Bytes(bytes, header->caplen), header->len};
    if ((*capture->sink_)(frame)) return;
    capture->stopped_ = true;
    pcap_breakloop(capture->pcap_);
  }

  absl::Status Failed(const char* what) const {
    return absl::UnavailableError(absl::StrCat("interface ", name_, ": ", what));
  }

  const std::string name_;
  pcap_t* const pcap_;
  const LinkType link_type_;
  const bool nanoseconds_;
  const FrameSink* sink_ = nullptr;
  bool stopped_ = false;
  pcap_stat last_{};
  KernelDrops drops_;
};

absl::Status ActivateError(const std::string& name, int code, pcap_t* pcap) {
  const std::string message =
      absl::StrCat("interface ", name, ": ", pcap_statustostr(code), ": ", pcap_geterr(pcap));
  switch (code) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return absl::NotFoundError(message);
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

// Everything between activation and the first packet.
absl::StatusOr<LinkType> Prepare(const InterfaceOptions& options, pcap_t* pcap) {
  const int activated = pcap_activate(pcap);
  if (activated < 0) return ActivateError(options.name, activated, pcap);
  absl::StatusOr<LinkType> link_type = LinkTypeOf(pcap);
  if (!link_type.ok()) return link_type;
  if (absl::Status filter = SetFilter(options.filter, pcap); !filter.ok()) return filter;
  char error[PCAP_ERRBUF_SIZE] = "";
  if (pcap_setnonblock(pcap, 1, error) != 0) {
    return absl::UnavailableError(absl::StrCat("interface ", options.name, ": ", error));
  }
  return link_type;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Capture>> OpenCaptureInterface(const InterfaceOptions& options) {
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_t* pcap = pcap_create(options.name.c_str(), error);
  if (pcap == nullptr) {
    return absl::NotFoundError(absl::StrCat("interface ", options.name, ": ", error));
  }
  pcap_set_snaplen(pcap, options.snaplen_bytes);
  pcap_set_promisc(pcap, options.promiscuous ? 1 : 0);
  // Without immediate mode libpcap takes TPACKET_V3, whose blocks cost a wake-up
  // for many packets.
  pcap_set_immediate_mode(pcap, 0);
  pcap_set_timeout(pcap, kBlockTimeoutMs);
  pcap_set_buffer_size(pcap, options.ring_bytes);
  // Not every card can; then the times are in microseconds.
  pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
  const absl::StatusOr<LinkType> link_type = Prepare(options, pcap);
  if (!link_type.ok()) {
    pcap_close(pcap);
    return link_type.status();
  }
  return std::make_unique<CaptureInterface>(options.name, pcap, *link_type);
}

}  // namespace conntrack::sensor
