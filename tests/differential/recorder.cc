#include "tests/differential/recorder.h"

#include <fstream>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/differential/comparer.h"
#include "tests/differential/rounds.h"
#include "tests/testing/scenario.h"

namespace conntrack {

absl::Status RecordAnswers(const Recording& recording, KernelSubject* kernel,
                           const std::string& path) {
  std::ofstream file(path);
  file << "# What Linux " << recording.kernel_release << " answered; seed " << recording.seed
       << ".\n# Made by compare_with_kernel --record. The format is that of scenarios.\n"
       << "recorded " << recording.kernel_release << "\n";
  Comparer comparer(kernel);
  Random random(recording.seed);
  uint32_t number = 0;
  uint64_t packets = 0;
  uint32_t cases = 0;
  uint32_t rounds = 0;
  while (packets < recording.packets) {
    // Nothing expires: when the kernel notices would be part of the record.
    const Round round = MakeRound({.traffic = recording.traffic,
                                   .index = rounds++,
                                   .paused = recording.traffic == Traffic::kUdp,
                                   .expiring = false,
                                   .conversations = 40},
                                  &number, &random);
    std::vector<std::string> texts(round.conversations.size());
    const auto mismatch = comparer.Run(
        round.conversations, round.settings,
        [&](size_t conversation, const ComparedPacket& packet) {
          absl::StrAppend(&texts[conversation], FormatStep(*packet.spec, packet.kernel), "\n");
          ++packets;
        });
    if (!mismatch.ok()) return mismatch.status();
    if (comparer.late()) return absl::UnavailableError("the machine is too slow to record on");
    if (mismatch->has_value()) {
      return absl::UnavailableError(absl::StrCat("the tracker differs: ", (*mismatch)->difference));
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      file << "\ncase " << ++cases << "\n"
           << FormatHeader(round.conversations[i].endpoints.family, round.settings) << texts[i];
    }
  }
  file.flush();
  if (!file) return absl::UnavailableError(absl::StrCat(path, " cannot be written"));
  return absl::OkStatus();
}

}  // namespace conntrack
