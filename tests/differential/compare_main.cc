// Compares the tracker with the live kernel, packet by packet, on random
// conversations. Ends with status 0 only when there was no difference, 1 when
// there was one (its shortest packet list is printed as a scenario), 77 when the
// kernel cannot be asked here.
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/differential/comparer.h"
#include "tests/differential/conversation.h"
#include "tests/differential/coverage.h"
#include "tests/differential/kernel_subject.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

constexpr int kExitDifference = 1;
constexpr int kExitSkipped = 77;
constexpr uint32_t kFlatConversations = 250;
// A round with pauses lasts several seconds whatever it holds.
constexpr uint32_t kPausedConversations = 1200;

std::string KernelRelease() {
  utsname name;
  return uname(&name) == 0 ? name.release : "unknown";
}

// Switches off their defaults in one round of three.
ZoneSettings MakeSettings(Random* random) {
  ZoneSettings settings;
  if (!random->Percent(33)) return settings;
  settings.checksum = random->Percent(70);
  settings.tcp.loose = random->Percent(70);
  settings.tcp.be_liberal = random->Percent(25);
  settings.tcp.ignore_invalid_rst = random->Percent(30);
  settings.tcp.max_retransmissions = random->Pick<uint8_t>({0, 1, 3, 5});
  if (random->Percent(30)) {
    settings.tcp.max_retransmission_timeout = std::chrono::seconds(200);
    settings.tcp.unacknowledged = std::chrono::seconds(100);
  }
  return settings;
}

// Timeouts of a few seconds, so that connections expire between phases.
void ShortenTimeouts(ZoneSettings* settings, Random* random) {
  const auto seconds = [&] { return std::chrono::seconds(random->Pick({1, 2, 4})); };
  for (size_t state = 1; state < kTcpStates; ++state) {
    // Linux has no switch for it.
    if (state == static_cast<size_t>(TcpState::kSynSent2)) continue;
    settings->tcp.timeout[state] = seconds();
  }
  settings->udp = seconds();
  settings->udp_stream = seconds();
  settings->icmp = seconds();
  settings->icmpv6 = seconds();
  settings->generic = seconds();
}

struct Round {
  ZoneSettings settings;
  std::vector<Conversation> conversations;
};

Round MakeRound(Traffic traffic, bool paused, uint32_t* number, Random* random) {
  Round round;
  round.settings = MakeSettings(random);
  if (paused && random->Percent(60)) ShortenTimeouts(&round.settings, random);
  const uint32_t count = paused ? kPausedConversations : kFlatConversations;
  for (uint32_t i = 0; i < count; ++i) {
    const Family family = random->Percent(30) ? Family::kIpv6 : Family::kIpv4;
    Conversation made{MakeEndpoints(family, ++*number, random), {}};
    made.packets = MakePackets(traffic, family, random);
    if (paused) AddPauses(3, &made.packets, random);
    if (random->Percent(1)) {
      // Both ends are one, a LAND attack.
      for (PacketSpec& packet : made.packets) {
        packet.source = packet.destination = Role::kClient;
        if (packet.quote) packet.quote->source = packet.quote->destination = Role::kClient;
      }
    }
    round.conversations.push_back(std::move(made));
  }
  return round;
}

struct Quota {
  Traffic traffic;
  const char* name;
  uint64_t packets;
  uint64_t compared = 0;
  // Every so many rounds one has pauses.
  uint32_t paused_every;
  uint32_t rounds = 0;
};

std::vector<Quota> MakeQuotas(const std::string& protocol, uint64_t packets) {
  if (protocol == "tcp") return {{Traffic::kTcp, "tcp", packets, 0, 20, 0}};
  if (protocol == "udp") return {{Traffic::kUdp, "udp", packets, 0, 2, 0}};
  if (protocol == "icmp") return {{Traffic::kIcmp, "icmp", packets, 0, 8, 0}};
  if (protocol == "generic") return {{Traffic::kGeneric, "generic", packets, 0, 8, 0}};
  return {{Traffic::kTcp, "tcp", packets * 6 / 10, 0, 20, 0},
          {Traffic::kUdp, "udp", packets * 2 / 10, 0, 2, 0},
          {Traffic::kIcmp, "icmp", packets * 15 / 100, 0, 8, 0},
          {Traffic::kGeneric, "generic", packets * 5 / 100, 0, 8, 0}};
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
  Run(KernelSubject* kernel, uint64_t seed, bool verbose)
      : comparer_(kernel), random_(seed), verbose_(verbose) {}

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
      std::printf("%s: %lu packets, 0 differences\n", quota.name, quota.compared);
    }
    std::printf("%lu packets in %.1f s (%.0f/s), 0 differences\n", comparer_.compared(), seconds,
                static_cast<double>(comparer_.compared()) / seconds);
    return 0;
  }

 private:
  int CompareRound(Quota* quota) {
    // The first one of all has pauses, so that a short run has some too.
    const bool paused = quota->rounds++ % quota->paused_every == 0;
    const Round round = MakeRound(quota->traffic, paused, &number_, &random_);
    coverage_.BeginRound();
    const auto mismatch = comparer_.Run(round.conversations, round.settings,
                                        [&](size_t conversation, const ComparedPacket& packet) {
                                          coverage_.Add(conversation, packet);
                                        });
    if (!mismatch.ok()) {
      std::printf("the comparison broke off: %s\n", mismatch.status().ToString().c_str());
      return kExitDifference;
    }
    if (!mismatch->has_value()) return 0;
    Explain(round, **mismatch, &comparer_);
    return kExitDifference;
  }

  void Progress(const Quota& quota, std::chrono::steady_clock::time_point begin) {
    if (isatty(STDOUT_FILENO) == 0) return;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("\r\033[K%s: %lu of %lu packets, %.0f/s", quota.name, quota.compared, quota.packets,
                static_cast<double>(comparer_.compared()) / seconds);
    std::fflush(stdout);
  }

  Comparer comparer_;
  Coverage coverage_;
  Random random_;
  const bool verbose_;
  uint32_t number_ = 0;
};

int Main(int argc, char** argv) {
  CLI::App app("Compares the tracker with the live kernel, packet by packet.");
  uint64_t packets = 200'000;
  uint64_t seed = 1;
  std::string protocol = "all";
  bool verbose = true;
  app.add_option("--packets", packets, "How many to compare.")->capture_default_str();
  app.add_option("--seed", seed, "Start of the random choices.")->capture_default_str();
  app.add_option("--protocol", protocol, "Which to compare.")
      ->check(CLI::IsMember({"all", "tcp", "udp", "icmp", "generic"}))
      ->capture_default_str();
  app.add_flag("--coverage,!--no-coverage", verbose, "Print which rules were exercised.");
  CLI11_PARSE(app, argc, argv);
  std::printf("kernel %s, seed %lu, %lu packets of %s\n", KernelRelease().c_str(), seed, packets,
              protocol.c_str());
  auto kernel = KernelSubject::Create();
  if (!kernel.ok()) {
    std::printf("skipped: %s\n", kernel.status().ToString().c_str());
    return kExitSkipped;
  }
  std::vector<Quota> quotas = MakeQuotas(protocol, packets);
  return Run(kernel->get(), seed, verbose).Compare(&quotas);
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) { return conntrack::Main(argc, argv); }
