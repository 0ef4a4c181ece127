#include "server/process_metrics.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "server/metric.h"

namespace conntrack {
namespace {

using prometheus::MetricType;

// Fields of /proc/self/stat, as proc(5) numbers them.
constexpr int kUserTicks = 14;
constexpr int kSystemTicks = 15;
constexpr int kStartTicks = 22;
constexpr int kResidentPages = 24;

struct Stat {
  uint64_t cpu_ticks = 0;
  uint64_t start_ticks = 0;
  uint64_t resident_pages = 0;
};

std::optional<Stat> ReadStat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name, field 2, is in parentheses and may hold blanks.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  Stat stat;
  std::string field;
  for (int number = 3; number <= kResidentPages && fields >> field; ++number) {
    uint64_t value = 0;
    if (!absl::SimpleAtoi(field, &value)) continue;
    if (number == kUserTicks || number == kSystemTicks) stat.cpu_ticks += value;
    if (number == kStartTicks) stat.start_ticks = value;
    if (number == kResidentPages) stat.resident_pages = value;
  }
  return stat;
}

// When the system was started, in Unix seconds.
std::optional<uint64_t> ReadBootTime() {
  std::ifstream file("/proc/stat");
  std::string line;
  while (std::getline(file, line)) {
    uint64_t seconds = 0;
    if (absl::StartsWith(line, "btime ") && absl::SimpleAtoi(line.substr(6), &seconds)) {
      return seconds;
    }
  }
  return std::nullopt;
}

std::optional<size_t> CountOpenFiles() {
  std::error_code error;
  size_t count = 0;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    ++count;
    entry.increment(error);
  }
  if (error) return std::nullopt;
  return count;
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  std::vector<prometheus::MetricFamily> families;
  if (const std::optional<Stat> stat = ReadStat(); stat.has_value()) {
    families.push_back(Metric::Single("process_cpu_seconds_total",
                                      "CPU time used, user and system.", MetricType::Counter,
                                      static_cast<double>(stat->cpu_ticks) / ticks_per_second));
    families.push_back(Metric::Single("process_resident_memory_bytes", "Memory in RAM.",
                                      MetricType::Gauge,
                                      static_cast<double>(stat->resident_pages) * page_bytes));
    if (const std::optional<uint64_t> boot = ReadBootTime(); boot.has_value()) {
      const double uptime = static_cast<double>(stat->start_ticks) / ticks_per_second;
      families.push_back(Metric::Single("process_start_time_seconds",
                                        "When the process began, in Unix time.", MetricType::Gauge,
                                        static_cast<double>(*boot) + uptime));
    }
  }
  if (const std::optional<size_t> files = CountOpenFiles(); files.has_value()) {
    families.push_back(Metric::Single("process_open_fds", "Open file descriptors.",
                                      MetricType::Gauge, static_cast<double>(*files)));
  }
  return families;
}

}  // namespace conntrack
