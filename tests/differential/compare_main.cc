// Compares the tracker with the live kernel, packet by packet, on random
// conversations. Ends with status 0 only when there was no difference, 1 when
// there was one (its shortest packet list is printed as a scenario), 77 when the
// kernel cannot be asked here.
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/differential/comparer.h"
#include "tests/differential/conversation.h"
#include "tests/differential/coverage.h"
#include "tests/differential/fixed_settings.h"
#include "tests/differential/kernel_subject.h"
#include "tests/differential/recorder.h"
#include "tests/differential/rounds.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

constexpr int kExitDifference = 1;
constexpr int kExitSkipped = 77;
constexpr uint32_t kFlatConversations = 100;
// A round with pauses lasts several seconds whatever it holds; a slow machine
// gets smaller ones.
constexpr uint32_t kPausedConversations = 1200;
constexpr uint32_t kPausedConversationsMin = 20;

// Without what a distribution adds.
std::string KernelRelease() {
  utsname name;
  if (uname(&name) != 0) return "unknown";
  const std::string release = name.release;
  return release.substr(0, release.find('-'));
}

struct Quota {
  Traffic traffic;
  uint64_t packets;
  // Every so many rounds one has pauses. No multiple of 3, so that such rounds
  // have their share of switches off their defaults.
  uint32_t paused_every;
  uint64_t compared = 0;
  uint32_t rounds = 0;
};

// `packets` of one protocol, or shared out among all.
std::vector<Quota> MakeQuotas(const std::string& protocol, uint64_t packets) {
  const auto share = [&](Traffic traffic, uint64_t percent, uint32_t paused_every) {
    return Quota{traffic, packets * percent / 100, paused_every};
  };
  std::vector<Quota> quotas = {share(Traffic::kTcp, 48, 100),   share(Traffic::kUdp, 14, 6),
                               share(Traffic::kUdplite, 4, 20), share(Traffic::kIcmp, 12, 20),
                               share(Traffic::kSctp, 14, 40),   share(Traffic::kGre, 4, 20),
                               share(Traffic::kGeneric, 4, 20)};
  if (protocol == "all") return quotas;
  std::erase_if(quotas, [&](const Quota& quota) { return NameOf(quota.traffic) != protocol; });
  quotas.front().packets = packets;
  return quotas;
}

// Prints what is known of a difference: the shortest packets, with the kernel's
// answers.
void Explain(const Round& round, const Mismatch& mismatch, Comparer* comparer) {
  const Conversation& found = round.conversations[mismatch.conversation];
  std::printf("packet %zu of a conversation differs: %s\n", mismatch.packet + 1,
              mismatch.difference.c_str());
  const auto shrunk = comparer->Shrink(found, round.settings);
  const bool again = shrunk.ok() && !shrunk->empty();
  if (!again) std::printf("Sent again it does not: the whole conversation follows.\n");
  const Conversation alone{found.endpoints, again ? *shrunk : found.packets};
  const Family family = found.endpoints.family;
  std::printf("\n# The kernel's answers.\n%s", FormatHeader(family, round.settings).c_str());
  const auto result = comparer->Run(
      std::span(&alone, 1), round.settings, [&](size_t, const ComparedPacket& packet) {
        std::printf("%s\n", FormatStep(*packet.spec, packet.kernel).c_str());
      });
  if (result.ok() && result->has_value()) {
    std::printf("# Ours: %s\n", (**result).difference.c_str());
  }
}

class Run {
 public:
  Run(KernelSubject* kernel, uint64_t seed, bool verbose, FixedSettings fixed)
      : comparer_(kernel), random_(seed), verbose_(verbose), fixed_(std::move(fixed)) {}

  // The exit status.
  int Compare(std::vector<Quota>* quotas) {
    const auto begin = std::chrono::steady_clock::now();
    for (Quota& quota : *quotas) {
      while (quota.compared < quota.packets) {
        const uint64_t before = comparer_.compared();
        if (const int status = CompareRound(&quota); status != 0) return status;
        quota.compared += comparer_.compared() - before;
        Progress(quota, begin);
      }
    }
    if (isatty(STDOUT_FILENO) != 0) std::printf("\r\033[K");
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (verbose_) std::printf("%s", coverage_.Report().c_str());
    for (const Quota& quota : *quotas) {
      std::printf("%s: %lu packets, 0 differences\n", NameOf(quota.traffic), quota.compared);
    }
    std::printf("%lu packets in %.1f s (%.0f/s), 0 differences\n", comparer_.compared(), seconds,
                static_cast<double>(comparer_.compared()) / seconds);
    return 0;
  }

 private:
  int CompareRound(Quota* quota) {
    // The first one of all has pauses, so that a short run has some too.
    const uint32_t index = quota->rounds++;
    const bool paused = index % quota->paused_every == 0;
    const Round round =
        MakeRound({.traffic = quota->traffic,
                   .index = index,
                   .paused = paused,
                   .expiring = paused,
                   .conversations = paused ? paused_conversations_ : kFlatConversations,
                   .fixed = fixed_},
                  &number_, &random_);
    coverage_.BeginRound(round.settings);
    const auto mismatch = comparer_.Run(round.conversations, round.settings,
                                        [&](size_t conversation, const ComparedPacket& packet) {
                                          coverage_.Add(conversation, packet);
                                        });
    if (!mismatch.ok()) {
      std::printf("the comparison broke off: %s\n", mismatch.status().ToString().c_str());
      return kExitDifference;
    }
    if (comparer_.late()) {
      paused_conversations_ = std::max(paused_conversations_ / 2, kPausedConversationsMin);
    }
    if (!mismatch->has_value()) return 0;
    Explain(round, **mismatch, &comparer_);
    return kExitDifference;
  }

  void Progress(const Quota& quota, std::chrono::steady_clock::time_point begin) {
    if (isatty(STDOUT_FILENO) == 0) return;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("\r\033[K%s: %lu of %lu packets, %.0f/s", NameOf(quota.traffic), quota.compared,
                quota.packets, static_cast<double>(comparer_.compared()) / seconds);
    std::fflush(stdout);
  }

  Comparer comparer_;
  Coverage coverage_;
  Random random_;
  const bool verbose_;
  const FixedSettings fixed_;
  uint32_t number_ = 0;
  uint32_t paused_conversations_ = kPausedConversations;
};

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

int Main(int argc, char** argv) {
  CLI::App app("Compares the tracker with the live kernel, packet by packet.");
  uint64_t packets = 200'000;
  uint64_t seed = 1;
  std::string protocol = "all";
  bool verbose = true;
  app.add_option("--packets", packets, "How many to compare.")->capture_default_str();
  app.add_option("--seed", seed, "Start of the random choices.")->capture_default_str();
  app.add_option("--protocol", protocol, "Which to compare.")
      ->check(CLI::IsMember({"all", "tcp", "udp", "udplite", "icmp", "sctp", "gre", "generic"}))
      ->capture_default_str();
  app.add_flag("--coverage,!--no-coverage", verbose, "Print which rules were exercised.");
  FixedSettings fixed;
  app.add_option_function<std::vector<std::string>>(
         "--switch",
         [&](const std::vector<std::string>& words) {
           for (const std::string& word : words) {
             if (const absl::Status status = fixed.Add(word); !status.ok()) {
               throw CLI::ValidationError("--switch", std::string(status.message()));
             }
           }
         },
         "NAME=VALUE, as in the config lines of scenarios: fix a setting in every round, such as\n"
         "tcp_loose=0 or udp=4s. May be given more than once.")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  std::string record;
  app.add_option("--record", record, "Write golden files to this directory instead.");
  CLI11_PARSE(app, argc, argv);
  std::printf("kernel %s, seed %lu, %lu packets of %s\n", KernelRelease().c_str(), seed, packets,
              protocol.c_str());
  auto kernel = KernelSubject::Create();
  if (!kernel.ok()) {
    std::printf("skipped: %s\n", kernel.status().ToString().c_str());
    return kExitSkipped;
  }
  if (!record.empty()) return RecordAll(record, seed, kernel->get());
  std::vector<Quota> quotas = MakeQuotas(protocol, packets);
  return Run(kernel->get(), seed, verbose, std::move(fixed)).Compare(&quotas);
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) { return conntrack::Main(argc, argv); }
