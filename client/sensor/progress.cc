#include "client/sensor/progress.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace conntrack::sensor {
namespace {

constexpr std::chrono::milliseconds kInterval{250};

std::string Scaled(double value) {
  if (value >= 1e9) return absl::StrFormat("%.2f G", value / 1e9);
  if (value >= 1e6) return absl::StrFormat("%.2f M", value / 1e6);
  if (value >= 1e3) return absl::StrFormat("%.1f k", value / 1e3);
  return absl::StrFormat("%.0f ", value);
}

}  // namespace

std::string Progress::Line(const ProgressState& state, std::chrono::duration<double> elapsed,
                           double packets_per_second) {
  std::string line;
  if (state.bytes_total != 0) {
    const double done = static_cast<double>(state.bytes) / static_cast<double>(state.bytes_total);
    absl::StrAppendFormat(&line, "%3.0f%% of %sB  ", 100 * done,
                          Scaled(static_cast<double>(state.bytes_total)));
  } else if (state.bytes != 0) {
    absl::StrAppend(&line, Scaled(static_cast<double>(state.bytes)), "B  ");
  }
  absl::StrAppend(&line, state.packets, " packets  ", Scaled(packets_per_second), "packets/s  ",
                  state.acknowledged, " acknowledged");
  if (state.dropped != 0) absl::StrAppend(&line, "  ", state.dropped, " DROPPED");
  if (state.bytes != 0 && state.bytes < state.bytes_total) {
    const double left_s = elapsed.count() * static_cast<double>(state.bytes_total - state.bytes) /
                          static_cast<double>(state.bytes);
    absl::StrAppendFormat(&line, "  %.0f s left", left_s);
  }
  return line;
}

Progress::Progress(bool enabled, Clock::time_point start)
    : terminal_(enabled && isatty(STDERR_FILENO) == 1),
      start_(start),
      next_(start + kInterval),
      last_(start) {}

void Progress::Draw(const ProgressState& state, Clock::time_point now) {
  const std::chrono::duration<double> since_last = now - last_;
  const double rate = static_cast<double>(state.packets - last_packets_) / since_last.count();
  // Back to the start of the line, and clear what is longer than the new one.
  std::fprintf(stderr, "\r%s\x1b[K", Line(state, now - start_, rate).c_str());
  std::fflush(stderr);
  last_ = now;
  last_packets_ = state.packets;
  next_ = now + kInterval;
  drawn_ = true;
}

void Progress::Clear() {
  if (!drawn_) return;
  std::fprintf(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace conntrack::sensor
