// The signals that the view takes in its own time instead of being interrupted.
#pragma once

#include <csignal>

namespace conntrack::cli::top {

// Those that end it, and the one that tells of another size of the terminal.
inline sigset_t TakenSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

}  // namespace conntrack::cli::top
