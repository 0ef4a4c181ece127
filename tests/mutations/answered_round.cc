#include "tests/mutations/answered_round.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/differential/decoded_packet.h"
#include "tests/differential/event_sorter.h"
#include "tests/testing/tracker_subject.h"

namespace conntrack {

absl::StatusOr<AnsweredRound> AnsweredRound::Ask(Round round, Comparer* comparer) {
  AnsweredRound answered(std::move(round));
  std::vector<Answer>& answers = answered.answers_;
  const std::vector<Conversation>& conversations = answered.round_.conversations;
  const auto mismatch = comparer->Run(
      conversations, answered.round_.settings,
      [&](size_t conversation, const ComparedPacket& packet) {
        const auto index =
            static_cast<size_t>(packet.spec - conversations[conversation].packets.data());
        answers.push_back({conversation, index, packet.now, packet.kernel, {}, {}});
      });
  if (!mismatch.ok()) return mismatch.status();
  if (comparer->late()) return absl::UnavailableError("the machine is too slow");
  if (mismatch->has_value()) {
    return absl::InternalError(absl::StrCat("the tracker differs: ", (**mismatch).difference));
  }
  answered.Decode();
  return answered;
}

void AnsweredRound::Decode() {
  DecodedPackets decoder;
  for (Answer& answer : answers_) {
    const Conversation& conversation = round_.conversations[answer.conversation];
    answer.told =
        decoder.Make(conversation.packets[answer.packet], conversation.endpoints, answer.now);
    if (!answer.told.has_value()) continue;
    Packet& told = *answer.told;
    if (told.quote != nullptr) {
      answer.parts.quote = *told.quote;
      told.quote = &answer.parts.quote;
    }
    const std::span<const SctpChunk> chunks = told.chunks();
    answer.parts.chunks.assign(chunks.begin(), chunks.end());
    if (told.sctp_chunks != nullptr) told.sctp_chunks = answer.parts.chunks.data();
  }
}

bool AnsweredRound::Differs(size_t* equal) const {
  const Packet* told = nullptr;
  TrackerSubject tracker(round_.settings,
                         [&](const PacketSpec&, const Endpoints&, Time, PacketParts*) {
                           return told != nullptr ? std::optional(*told) : std::nullopt;
                         });
  EventSorter events;
  *equal = 0;
  for (const Answer& answer : answers_) {
    const Conversation& conversation = round_.conversations[answer.conversation];
    const PacketSpec& spec = conversation.packets[answer.packet];
    told = answer.told.has_value() ? &*answer.told : nullptr;
    Observation seen = tracker.Send(spec, conversation.endpoints, answer.now);
    ForgetReason(&seen);
    events.Sort(TupleOf(spec, conversation.endpoints), &seen);
    const Fields ours = Describe(seen, conversation.endpoints);
    if (!DifferenceOf(answer.kernel, ours).empty()) return true;
    ++*equal;
  }
  return false;
}

}  // namespace conntrack
