#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/sensor/capture.h"
#include "client/sensor/pcap_handle.h"

namespace conntrack::sensor {
namespace {

constexpr size_t kReadBufferBytes = 1 << 20;

// The bytes of the input, as the FILE that libpcap wants. Reading waits in
// steps of kIdleInterval and calls `idle` between them, so a silent pipe does
// not hold the sensor up.
struct Source {
  int fd = -1;
  uint64_t read_bytes = 0;
  IdleCall idle;
  bool stopped = false;

  ~Source() {
    if (fd > STDERR_FILENO) close(fd);
  }

  ssize_t Read(char* buffer, size_t size) {
    for (;;) {
      pollfd waiting{fd, POLLIN, 0};
      const int ready = poll(&waiting, 1, static_cast<int>(kIdleInterval.count()));
      if (ready < 0 && errno != EINTR) return -1;
      if (ready > 0) {
        const ssize_t count = read(fd, buffer, size);
        if (count < 0 && errno == EINTR) continue;
        if (count > 0) read_bytes += static_cast<uint64_t>(count);
        return count;
      }
      if (idle && !idle()) {
        stopped = true;
        return 0;
      }
    }
  }
};

ssize_t ReadSource(void* cookie, char* buffer, size_t size) {
  return static_cast<Source*>(cookie)->Read(buffer, size);
}

class CaptureFile final : public Capture {
 public:
  CaptureFile(std::unique_ptr<Source> source, pcap_t* pcap, LinkType link_type,
              uint64_t total_bytes)
      : source_(std::move(source)), pcap_(pcap), link_type_(link_type), total_bytes_(total_bytes) {}

  ~CaptureFile() override { pcap_close(pcap_); }

  absl::Status Run(const FrameSink& sink, const IdleCall& idle) override {
    source_->idle = idle;
    for (;;) {
      pcap_pkthdr* header = nullptr;
      const u_char* bytes = nullptr;
      const int got = pcap_next_ex(pcap_, &header, &bytes);
      // An end that we made ourselves is no damage, wherever it falls.
      if (got == PCAP_ERROR_BREAK || source_->stopped) return absl::OkStatus();
      if (got != 1) return absl::DataLossError(pcap_geterr(pcap_));
      // The file was opened for nanoseconds, which stand in tv_usec. Times
      // before 1970 become values above what a batch can hold.
      const uint64_t time_unix_ns = static_cast<uint64_t>(header->ts.tv_sec) * 1'000'000'000 +
                                    static_cast<uint64_t>(header->ts.tv_usec);
      if (!sink(Frame{link_type_, time_unix_ns, Bytes(bytes, header->caplen), header->len})) {
        return absl::OkStatus();
      }
    }
  }

  uint64_t read_bytes() const override { return source_->read_bytes; }
  uint64_t total_bytes() const override { return total_bytes_; }
  KernelDrops kernel_drops() override { return {}; }

 private:
  const std::unique_ptr<Source> source_;  // Outlives pcap_, which reads from it.
  pcap_t* const pcap_;
  const LinkType link_type_;
  const uint64_t total_bytes_;
};

absl::Status OpenError(const std::string& path) {
  const std::string message = absl::StrCat(path, ": ", std::strerror(errno));
  if (errno == ENOENT) return absl::NotFoundError(message);
  if (errno == EACCES) return absl::PermissionDeniedError(message);
  return absl::InvalidArgumentError(message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Capture>> OpenCaptureFile(const std::string& path,
                                                         const std::string& filter,
                                                         const IdleCall& idle) {
  auto source = std::make_unique<Source>();
  source->idle = idle;
  const std::string name = path == "-" ? "standard input" : path;
  source->fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (source->fd < 0) return OpenError(name);
  struct stat status {};
  if (fstat(source->fd, &status) != 0) return OpenError(name);
  if (S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": is a directory"));
  }
  const uint64_t total_bytes = S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;

  FILE* file = fopencookie(source.get(), "r", {&ReadSource, nullptr, nullptr, nullptr});
  if (file == nullptr) return OpenError(name);
  setvbuf(file, nullptr, _IOFBF, kReadBufferBytes);
  char error[PCAP_ERRBUF_SIZE] = "";
  // Owns the file from here on.
  pcap_t* pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
  if (pcap == nullptr) {
    fclose(file);
    if (source->stopped) return absl::CancelledError(absl::StrCat(name, ": stopped"));
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", error));
  }
  const absl::StatusOr<LinkType> link_type = LinkTypeOf(pcap);
  if (!link_type.ok()) {
    pcap_close(pcap);
    return absl::UnimplementedError(absl::StrCat(name, ": ", link_type.status().message()));
  }
  if (absl::Status set = SetFilter(filter, pcap); !set.ok()) {
    pcap_close(pcap);
    return set;
  }
  return std::make_unique<CaptureFile>(std::move(source), pcap, *link_type, total_bytes);
}

}  // namespace conntrack::sensor
