#include "tests/differential/capture_run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>

#include "tests/differential/capture_comparison.h"

namespace conntrack {
namespace {

constexpr size_t kDifferencesShown = 10;

void PrintCount(const char* kind, uint64_t count, const char* name) {
  if (count != 0) std::printf("  %-10s %8lu  %s\n", kind, count, name);
}

void PrintCounts(const CaptureCounts& counts) {
  for (size_t i = 0; i < kLeftOutClasses; ++i) {
    PrintCount("left out", counts.left_out[i], NameOf(static_cast<LeftOut>(i)));
  }
  for (size_t i = 0; i < sensor::kDiscardReasons; ++i) {
    PrintCount("refused", counts.refused[i], sensor::DiscardName(static_cast<sensor::Discard>(i)));
  }
  PrintCount("fragments", counts.fragments, "that completed others or wait for them");
  for (size_t i = 0; i < kCompletions; ++i) {
    PrintCount("completed", counts.completed[i], NameOf(static_cast<Completion>(i)));
  }
  PrintCount("skipped", counts.after_difference, "of connections that differed before");
}

void PrintReport(const std::string& path, const CaptureReport& report, double seconds) {
  const CaptureCounts& counts = report.counts;
  std::printf("%s: %lu frames, %lu packets compared, %lu connections, %.0f/s, %zu differences\n",
              path.c_str(), counts.frames, counts.compared, counts.connections,
              static_cast<double>(counts.frames) / seconds, report.differences.size());
  if (!report.damage.empty()) std::printf("  damaged    %s\n", report.damage.c_str());
  PrintCounts(counts);
  const size_t shown = std::min(report.differences.size(), kDifferencesShown);
  for (size_t i = 0; i < shown; ++i)
    std::printf("  differs    %s\n", report.differences[i].c_str());
  if (shown < report.differences.size()) {
    std::printf("  differs    %zu times more\n", report.differences.size() - shown);
  }
  std::fflush(stdout);
}

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

bool CompareCaptures(const std::vector<std::string>& paths, const ZoneSettings& settings,
                     KernelSubject* kernel) {
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const auto begin = std::chrono::steady_clock::now();
  CaptureCounts sum;
  size_t differences = 0;
  bool good = true;
  for (const std::string& path : paths) {
    const auto begin_file = std::chrono::steady_clock::now();
    const auto report = CompareCapture(path, settings, kernel, [&](uint64_t frames) {
      if (!terminal) return;
      std::printf("\r\033[K%s: %lu frames", path.c_str(), frames);
      std::fflush(stdout);
    });
    if (terminal) std::printf("\r\033[K");
    if (!report.ok()) {
      std::printf("%s: %s\n", path.c_str(), report.status().ToString().c_str());
      good = false;
      continue;
    }
    PrintReport(path, *report, SecondsSince(begin_file));
    sum.Add(report->counts);
    differences += report->differences.size();
  }
  if (paths.size() > 1) {
    std::printf("all files\n");
    PrintCounts(sum);
  }
  std::printf("%lu packets of %zu files in %.1f s, %lu connections, %zu differences\n",
              sum.compared, paths.size(), SecondsSince(begin), sum.connections, differences);
  return good && differences == 0;
}

}  // namespace conntrack
