// Asks the live kernel about random conversations, and finds for each mutant of
// the tracker the first packet at which it differs. Prints a line a mutant: its
// number and how many packets that took; 0 when it never differs. Ends with
// status 1 when the tracker differs without a mutant, 77 when the kernel cannot
// be asked here.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/differential/kernel_subject.h"
#include "tests/mutations/answered_round.h"
#include "tests/mutations/mutant_list.h"
#include "tests/mutations/trial.h"

namespace conntrack {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitSkipped = 77;

// The mutants of one protocol. The kernel is asked about each round once, and all
// mutants that were not caught before answer the same packets.
class Hunt {
 public:
  Hunt(KernelSubject* kernel, std::vector<ListedMutant> mutants)
      : comparer_(kernel), free_(std::move(mutants)) {}

  // Sends `packets` of `traffic`.
  absl::Status Run(Traffic traffic, uint64_t seed, uint64_t packets) {
    Random random(seed);
    RoundSequence rounds(traffic, FixedSettings(), &number_, &random);
    uint64_t sent = 0;
    while (sent < packets && !free_.empty()) {
      const auto round = AnsweredRound::Ask(rounds.Next(), &comparer_);
      if (absl::IsUnavailable(round.status())) {
        rounds.Shorten();
        continue;
      }
      if (!round.ok()) return round.status();
      std::erase_if(free_, [&](const ListedMutant& mutant) {
        const std::optional<size_t> equal = Try(mutant.mutation, *round);
        if (!equal.has_value() || sent + *equal >= packets) return false;
        caught_[mutant.number] = sent + *equal + 1;
        return true;
      });
      sent += round->size();
      std::fprintf(stderr, "%s, seed %lu: %lu packets, %zu mutants not caught\n", NameOf(traffic),
                   seed, sent, free_.size());
    }
    return absl::OkStatus();
  }

  // Of those that were caught, after how many packets of their run.
  const std::map<int, uint64_t>& caught() const { return caught_; }
  const std::vector<ListedMutant>& free() const { return free_; }

 private:
  Comparer comparer_;
  std::vector<ListedMutant> free_;
  std::map<int, uint64_t> caught_;
  uint32_t number_ = 0;
};

std::vector<ListedMutant> MutantsOf(Traffic traffic, const std::vector<ListedMutant>& mutants) {
  std::vector<ListedMutant> some;
  for (const ListedMutant& mutant : mutants) {
    if (mutant.traffic == traffic) some.push_back(mutant);
  }
  return some;
}

// What is not reached with one value of a cell is not with another.
std::vector<ListedMutant> OneOfEachCell(const std::vector<ListedMutant>& mutants) {
  std::vector<ListedMutant> some;
  std::set<std::tuple<int, size_t, size_t>> cells;
  for (const ListedMutant& mutant : mutants) {
    const auto& [condition, table, row, column, value] = mutant.mutation;
    if (condition != 0 || cells.emplace(table, row, column).second) some.push_back(mutant);
  }
  return some;
}

int Main(int argc, char** argv) {
  CLI::App app("Finds which mutants of the tracker differ from the live kernel.");
  std::string path;
  uint64_t packets = 20'000;
  uint64_t more = 200'000;
  uint64_t seed = 1;
  app.add_option("list", path, "What mutants.py wrote beside the mutated sources.")->required();
  app.add_option("--packets", packets, "For all mutants of a protocol.")->capture_default_str();
  app.add_option("--more", more,
                 "For those that were not caught, one of each cell, with the next seed.")
      ->capture_default_str();
  app.add_option("--seed", seed, "Start of the random choices.")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto mutants = ReadMutants(path);
  if (!mutants.ok()) {
    std::fprintf(stderr, "%s\n", std::string(mutants.status().message()).c_str());
    return kExitFailure;
  }
  auto kernel = KernelSubject::Create();
  if (!kernel.ok()) {
    std::fprintf(stderr, "skipped: %s\n", kernel.status().ToString().c_str());
    return kExitSkipped;
  }
  for (const Traffic traffic : {Traffic::kTcp, Traffic::kSctp}) {
    Hunt hunt(kernel->get(), MutantsOf(traffic, *mutants));
    absl::Status status = hunt.Run(traffic, seed, packets);
    for (const auto& [number, count] : hunt.caught()) std::printf("%d %lu\n", number, count);
    Hunt longer(kernel->get(), OneOfEachCell(hunt.free()));
    if (status.ok()) status = longer.Run(traffic, seed + 1, more);
    if (!status.ok()) {
      std::fprintf(stderr, "%s: %s\n", NameOf(traffic), status.ToString().c_str());
      return kExitFailure;
    }
    // In packets of both runs: more than the first has.
    for (const auto& [number, count] : longer.caught()) {
      std::printf("%d %lu\n", number, packets + count);
    }
    for (const ListedMutant& mutant : hunt.free()) {
      if (!longer.caught().contains(mutant.number)) std::printf("%d 0\n", mutant.number);
    }
  }
  return 0;
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) { return conntrack::Main(argc, argv); }
