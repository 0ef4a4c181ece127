// Compares the tracker with the live kernel, packet by packet, on random
// conversations or on captures. Ends with status 0 only when there was no
// difference, 1 when there was one or a file could not be read, 77 when the kernel
// cannot be asked here.
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/differential/capture_comparison.h"
#include "tests/differential/capture_run.h"
#include "tests/differential/fixed_settings.h"
#include "tests/differential/kernel_subject.h"
#include "tests/differential/random_comparison.h"
#include "tests/differential/recorder.h"

namespace conntrack {
namespace {

constexpr int kExitDifference = 1;
// Of CLI11 too.
constexpr int kExitUsage = 105;
constexpr int kExitSkipped = 77;

// Without what a distribution adds.
std::string KernelRelease() {
  utsname name;
  if (uname(&name) != 0) return "unknown";
  const std::string release = name.release;
  return release.substr(0, release.find('-'));
}

int RecordAll(const std::string& directory, uint64_t seed, KernelSubject* kernel) {
  for (Recording recording :
       {Recording{Traffic::kTcp, "", seed, 3000}, Recording{Traffic::kUdp, "", seed, 2000},
        Recording{Traffic::kUdplite, "", seed, 1000}, Recording{Traffic::kIcmp, "", seed, 2000},
        Recording{Traffic::kSctp, "", seed, 3000}, Recording{Traffic::kGre, "", seed, 1000},
        Recording{Traffic::kGeneric, "", seed, 1000}}) {
    recording.kernel_release = KernelRelease();
    const std::string path = absl::StrCat(directory, "/", NameOf(recording.traffic), ".txt");
    if (absl::Status status = RecordAnswers(recording, kernel, path); !status.ok()) {
      std::printf("%s: %s\n", path.c_str(), status.ToString().c_str());
      return kExitDifference;
    }
    std::printf("%s\n", path.c_str());
  }
  return 0;
}

// --switch and --read, each as often as wanted.
CLI::Option* AddList(CLI::App* app, const char* name, std::vector<std::string>* words,
                     const char* text) {
  return app->add_option(name, *words, text)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

int Run(const RandomComparison& comparison, const std::vector<std::string>& captures,
        const std::string& record) {
  auto kernel = KernelSubject::Create();
  if (!kernel.ok()) {
    std::printf("skipped: %s\n", kernel.status().ToString().c_str());
    return kExitSkipped;
  }
  if (!record.empty()) return RecordAll(record, comparison.seed, kernel->get());
  if (captures.empty()) return CompareAtRandom(comparison, kernel->get()) ? 0 : kExitDifference;
  ZoneSettings settings = ReplaySettings();
  comparison.fixed.ApplyTo(&settings);
  return CompareCaptures(captures, settings, kernel->get()) ? 0 : kExitDifference;
}

int Main(int argc, char** argv) {
  CLI::App app("Compares the tracker with the live kernel, packet by packet.");
  RandomComparison comparison;
  app.add_option("--packets", comparison.packets, "How many to compare.")->capture_default_str();
  app.add_option("--seed", comparison.seed, "Start of the random choices.")->capture_default_str();
  app.add_option("--protocol", comparison.protocol, "Which to compare.")
      ->check(CLI::IsMember({"all", "tcp", "udp", "udplite", "icmp", "sctp", "gre", "generic"}))
      ->capture_default_str();
  app.add_flag("--coverage,!--no-coverage", comparison.coverage,
               "Print which rules were exercised.");
  std::vector<std::string> switches;
  AddList(&app, "--switch", &switches,
          "NAME=VALUE, as in the config lines of scenarios: fix a setting in every round,\n"
          "such as tcp_loose=0 or udp=4s. May be given more than once.")
      ->check([&](const std::string& word) {
        return std::string(comparison.fixed.Add(word).message());
      });
  std::vector<std::string> captures;
  AddList(&app, "--read", &captures,
          "A capture (pcap or pcapng) to compare instead of random conversations: its packets\n"
          "through the kernel, and through a sensor and a server. May be given more than once.");
  std::string record;
  app.add_option("--record", record, "Write golden files to this directory instead.");
  CLI11_PARSE(app, argc, argv);
  if (!captures.empty() && comparison.fixed.has_timeouts()) {
    std::fprintf(stderr,
                 "--switch: with --read no timeout can be fixed: packets are sent as fast as the "
                 "kernel takes them, and none may expire meanwhile\n");
    return kExitUsage;
  }
  std::printf("kernel %s, ", KernelRelease().c_str());
  if (captures.empty()) {
    std::printf("seed %lu, %lu packets of %s\n", comparison.seed, comparison.packets,
                comparison.protocol.c_str());
  } else {
    std::printf("%zu files\n", captures.size());
  }
  return Run(comparison, captures, record);
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) { return conntrack::Main(argc, argv); }
