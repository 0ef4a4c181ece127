#include "tests/property/breakages.h"

#include <algorithm>
#include <set>

namespace conntrack::testing {
namespace {

using Place = Messages::iterator;

// A message in the midst of the stream with many events.
Place Busy(Messages* messages) {
  const auto middle = messages->begin() + static_cast<ptrdiff_t>(messages->size() / 2);
  return std::find_if(middle, messages->end(), [](const v1::WatchResponse& message) {
    return message.events().events_size() > 20;
  });
}

std::function<bool(Messages*)> InBusy(const std::function<void(Messages*, Place)>& apply) {
  return [apply](Messages* messages) {
    const Place place = Busy(messages);
    if (place == messages->end()) return false;
    apply(messages, place);
    return true;
  };
}

// The last event of `type` after which nothing more is told of its connection, and
// what is done to it.
std::function<bool(Messages*)> InLastWord(v1::EventType type,
                                          const std::function<void(v1::EventBatch*, int)>& apply) {
  return [=](Messages* messages) {
    std::set<uint64_t> told;
    for (auto message = messages->rbegin(); message != messages->rend(); ++message) {
      for (int i = message->events().events_size() - 1; i >= 0; --i) {
        const v1::Event& event = message->events().events(i);
        const bool last = told.insert(event.connection().id()).second;
        if (!last || event.type() != type) continue;
        apply(message->mutable_events(), i);
        return true;
      }
    }
    return false;
  };
}

void Remove(v1::EventBatch* batch, int event) { batch->mutable_events()->DeleteSubrange(event, 1); }

void Double(v1::EventBatch* batch, int event) {
  const v1::Event copy = batch->events(event);
  *batch->add_events() = copy;
}

void SwapTwo(v1::EventBatch* batch) {
  for (int i = 1; i < batch->events_size(); ++i) {
    if (batch->events(i).slot() != batch->events(i - 1).slot()) continue;
    batch->mutable_events()->SwapElements(i, i - 1);
    return;
  }
}

void MoveToAnotherSlot(v1::Event* event) { event->set_slot(event->slot() == 0 ? 1 : 0); }

void Shorten(v1::SequenceRange* range) { range->set_last_sequence(range->last_sequence() - 1); }

void TellAsLoss(v1::WatchResponse* message) {
  v1::LossNotice loss;
  *loss.mutable_ranges() = message->events().ranges();
  Shorten(loss.mutable_ranges(0));
  *message->mutable_loss() = loss;
}

// A row of a connection that no event tells of is left out, and the count says so.
bool DropRow(Messages* messages) {
  std::set<uint64_t> told;
  for (const v1::WatchResponse& message : *messages) {
    for (const v1::Event& event : message.events().events()) told.insert(event.connection().id());
  }
  bool dropped = false;
  for (v1::WatchResponse& message : *messages) {
    for (int i = 0; !dropped && i < message.snapshot().connections_size(); ++i) {
      if (told.count(message.snapshot().connections(i).id()) > 0) continue;
      message.mutable_snapshot()->mutable_connections()->DeleteSubrange(i, 1);
      dropped = true;
    }
    if (!dropped || !message.has_snapshot_end()) continue;
    v1::SnapshotEnd* const end = message.mutable_snapshot_end();
    end->set_connections(end->connections() - 1);
  }
  return dropped;
}

bool RepeatSnapshot(Messages* messages) {
  for (const v1::WatchResponse& message : *messages) {
    if (!message.has_snapshot()) continue;
    const v1::WatchResponse copy = message;
    messages->push_back(copy);
    return true;
  }
  return false;
}

// The last events before a bookmark come after it.
bool MoveBehindBookmark(Messages* messages) {
  auto bookmark = messages->end();
  for (auto message = messages->begin(); message != messages->end(); ++message) {
    if (message->has_bookmark()) bookmark = message;
  }
  for (auto message = bookmark; message != messages->begin();) {
    if (!(--message)->has_events()) continue;
    std::rotate(message, message + 1, bookmark + 1);
    return true;
  }
  return false;
}

// The last word is a place to resume from that was passed long ago.
bool BookmarkThePast(Messages* messages) {
  for (const v1::WatchResponse& message : *messages) {
    if (!message.has_snapshot_end()) continue;
    v1::WatchResponse past;
    past.mutable_bookmark()->set_resume_token(message.snapshot_end().resume_token());
    messages->push_back(past);
    return true;
  }
  return false;
}

}  // namespace

std::vector<Breakage> Breakages() {
  const auto in_events = [](const std::function<void(v1::EventBatch*)>& apply) {
    return InBusy([apply](Messages*, Place place) { apply(place->mutable_events()); });
  };
  return {
      {"an event is dropped", false, in_events([](v1::EventBatch* batch) { Remove(batch, 10); })},
      {"an event is doubled", false, in_events([](v1::EventBatch* batch) { Double(batch, 10); })},
      {"two events change places", false, in_events(SwapTwo)},
      {"an event is of another slot", false,
       in_events([](v1::EventBatch* batch) { MoveToAnotherSlot(batch->mutable_events(10)); })},
      {"a range is too short", false,
       in_events([](v1::EventBatch* batch) { Shorten(batch->mutable_ranges(0)); })},
      {"a message is dropped", false,
       InBusy([](Messages* messages, Place place) { messages->erase(place); })},
      {"a message is doubled", false, InBusy([](Messages* messages, Place place) {
         const v1::WatchResponse copy = *place;
         messages->insert(place, copy);
       })},
      {"events come after their bookmark", false, MoveBehindBookmark},
      {"a bookmark is of the past", false, BookmarkThePast},
      {"a loss is told too small", false,
       InBusy([](Messages*, Place place) { TellAsLoss(&*place); })},
      {"a row of the snapshot is dropped", false, DropRow},
      {"a row of the snapshot comes after its end", false, RepeatSnapshot},
      {"an end is told as a change", false,
       InLastWord(v1::EVENT_TYPE_DESTROY,
                  [](v1::EventBatch* batch, int event) {
                    batch->mutable_events(event)->set_type(v1::EVENT_TYPE_UPDATE);
                  })},
      {"a change tells another mark", false,
       InLastWord(v1::EVENT_TYPE_UPDATE,
                  [](v1::EventBatch* batch, int event) {
                    batch->mutable_events(event)->mutable_connection()->set_mark(77);
                  })},
      {"what left is not told", true, InLastWord(v1::EVENT_TYPE_LEFT, Remove)},
  };
}

}  // namespace conntrack::testing
