#include "client/sensor/stop_signal.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace conntrack::sensor {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

StopSignal::~StopSignal() {
  if (fd_ >= 0) close(fd_);
}

absl::Status StopSignal::Install() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  fd_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd_ >= 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("signalfd: ", std::strerror(errno)));
}

bool StopSignal::Wait(std::chrono::milliseconds timeout) {
  if (requested_) {
    if (timeout.count() > 0) poll(nullptr, 0, static_cast<int>(timeout.count()));
    return true;
  }
  pollfd waiting{fd_, POLLIN, 0};
  poll(&waiting, 1, static_cast<int>(timeout.count()));
  signalfd_siginfo signal{};
  if (read(fd_, &signal, sizeof(signal)) != static_cast<ssize_t>(sizeof(signal))) return false;
  requested_ = true;
  // The next one finds the default action again.
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return true;
}

}  // namespace conntrack::sensor
