// Compares the tracker with the live kernel, packet by packet, on random
// conversations, and ends with status 0 only when there was no difference; 77
// when the kernel cannot be asked here.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/differential/comparer.h"
#include "tests/differential/conversation.h"
#include "tests/differential/kernel_subject.h"

namespace conntrack {
namespace {

constexpr int kExitSkipped = 77;

int Main(int argc, char** argv) {
  CLI::App app("Compares the tracker with the live kernel.");
  uint64_t packets = 200'000;
  uint64_t seed = 1;
  app.add_option("--packets", packets);
  app.add_option("--seed", seed);
  CLI11_PARSE(app, argc, argv);
  auto kernel = KernelSubject::Create();
  if (!kernel.ok()) {
    std::printf("skipped: %s\n", kernel.status().ToString().c_str());
    return kExitSkipped;
  }
  Comparer comparer(kernel->get());
  Random random(seed);
  uint32_t number = 0;
  const auto begin = std::chrono::steady_clock::now();
  while (comparer.compared() < packets) {
    std::vector<Conversation> conversations;
    for (int i = 0; i < 200; ++i) {
      const Family family = i % 4 == 0 ? Family::kIpv6 : Family::kIpv4;
      Conversation made{MakeEndpoints(family, ++number, &random), {}};
      made.packets = MakeTcpPackets(family, &random);
      conversations.push_back(made);
    }
    const ZoneSettings settings;
    auto mismatch = comparer.Run(conversations, settings, nullptr);
    if (!mismatch.ok()) {
      std::printf("%s\n", mismatch.status().ToString().c_str());
      return 1;
    }
    if (!mismatch->has_value()) continue;
    std::printf("after %lu: %s\n", comparer.compared(), (*mismatch)->difference.c_str());
    const Conversation& bad = conversations[(*mismatch)->conversation];
    auto shrunk = comparer.Shrink(bad, settings);
    if (!shrunk.ok()) return 1;
    const Conversation small{bad.endpoints, *shrunk};
    auto again =
        comparer.Run(std::span(&small, 1), settings, [](size_t, const ComparedPacket& packet) {
          std::printf("%s flags %02x seq %u ack %u win %u len %u opts %zu\n",
                      NameOf(packet.spec->source), packet.spec->tcp_flags, packet.spec->sequence,
                      packet.spec->acknowledgment, packet.spec->window, packet.spec->payload_length,
                      packet.spec->tcp_options.size());
          for (const auto& [key, value] : packet.kernel) {
            std::printf("    %s=%s", key.c_str(), value.c_str());
          }
          std::printf("\n");
        });
    if (again.ok() && again->has_value()) std::printf("%s\n", (**again).difference.c_str());
    return 1;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%lu packets equal, %.0f/s\n", comparer.compared(),
              static_cast<double>(comparer.compared()) / seconds);
  return 0;
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) { return conntrack::Main(argc, argv); }
