#include "tests/differential/random_comparison.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "tests/differential/comparer.h"
#include "tests/differential/conversation.h"
#include "tests/differential/coverage.h"
#include "tests/differential/rounds.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

struct Quota {
  Traffic traffic;
  uint64_t packets;
  uint64_t compared = 0;
};

// `packets` of one protocol, or shared out among all.
std::vector<Quota> MakeQuotas(const std::string& protocol, uint64_t packets) {
  const auto share = [&](Traffic traffic, uint64_t percent) {
    return Quota{traffic, packets * percent / 100};
  };
  std::vector<Quota> quotas = {share(Traffic::kTcp, 48),    share(Traffic::kUdp, 14),
                               share(Traffic::kUdplite, 4), share(Traffic::kIcmp, 12),
                               share(Traffic::kSctp, 14),   share(Traffic::kGre, 4),
                               share(Traffic::kGeneric, 4)};
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
  Run(const RandomComparison& comparison, KernelSubject* kernel)
      : comparer_(kernel),
        random_(comparison.seed),
        verbose_(comparison.coverage),
        fixed_(comparison.fixed) {}

  // Whether no packet differed.
  bool Compare(std::vector<Quota>* quotas) {
    const auto begin = std::chrono::steady_clock::now();
    for (Quota& quota : *quotas) {
      RoundSequence rounds(quota.traffic, fixed_, &number_, &random_);
      while (quota.compared < quota.packets) {
        const uint64_t before = comparer_.compared();
        if (!CompareRound(&rounds)) return false;
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
    return true;
  }

 private:
  bool CompareRound(RoundSequence* rounds) {
    const Round round = rounds->Next();
    coverage_.BeginRound(round.settings);
    const auto mismatch = comparer_.Run(round.conversations, round.settings,
                                        [&](size_t conversation, const ComparedPacket& packet) {
                                          coverage_.Add(conversation, packet);
                                        });
    if (!mismatch.ok()) {
      std::printf("the comparison broke off: %s\n", mismatch.status().ToString().c_str());
      return false;
    }
    if (comparer_.late()) rounds->Shorten();
    if (!mismatch->has_value()) return true;
    Explain(round, **mismatch, &comparer_);
    return false;
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
};

}  // namespace

bool CompareAtRandom(const RandomComparison& comparison, KernelSubject* kernel) {
  std::vector<Quota> quotas = MakeQuotas(comparison.protocol, comparison.packets);
  return Run(comparison, kernel).Compare(&quotas);
}

}  // namespace conntrack
