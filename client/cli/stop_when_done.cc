#include "client/cli/stop_when_done.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

namespace conntrack::cli {

sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

StopWhenDone::StopWhenDone(const sigset_t& signals, int output, client::Watcher& watcher)
    : signals_(signalfd(-1, &signals, SFD_CLOEXEC)),
      over_(eventfd(0, EFD_CLOEXEC)),
      thread_([this, output, &watcher] {
        // Without events asked for: an error or a hang-up is told all the same.
        pollfd ends[] = {{signals_, POLLIN, 0}, {over_, POLLIN, 0}, {output, 0, 0}};
        while (poll(ends, std::size(ends), -1) < 0 && errno == EINTR) {
        }
        watcher.Stop();
      }) {}

StopWhenDone::~StopWhenDone() {
  const uint64_t one = 1;
  // Cannot fail: nothing else was ever written.
  [[maybe_unused]] const ssize_t written = write(over_, &one, sizeof(one));
  thread_.join();
  close(signals_);
  close(over_);
}

}  // namespace conntrack::cli
