// EventFeed is the messages that all watchers without a filter share: every event
// is encoded once, by whichever watcher first needs the message it is in, and
// goes to all of them as the same bytes.
//
// Messages are numbered. A watcher that stands where message n begins follows the
// feed: it takes n, then n + 1. The latest messages are kept for those who are
// behind; who falls further back, or comes from elsewhere, reads on its own up to
// a place where a message begins. So a slow watcher costs the others nothing, and
// has of the feed what it would have without.
//
// Thread-safe. A message that exists costs a lock and a reference.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "server/event_reader.h"
#include "server/tracker/mutex.h"

namespace conntrack {

class EventFeed {
 public:
  EventFeed(Tracker* tracker, const WireContext& context) : reader_(tracker, context) {}

  // Where a message begins: its number, and the next event of each slot.
  struct Place {
    uint64_t number = 0;
    std::vector<uint64_t> next;
  };
  // The first place for a watcher that stands at `next` to go on from: not before
  // `next` in any slot. Nullopt when the feed is too far behind to tell; then the
  // watcher is better off alone, until it asks again.
  std::optional<Place> FindPlace(const std::vector<uint64_t>& next);

  // Counts those who follow; messages are kept for them only.
  void Join();
  void Leave();

  // Whether message `number` is kept, or the next to be made.
  bool Has(uint64_t number);
  // That message, made if need be; null when there are no events for it yet.
  // Nullopt when it is not kept any more.
  std::optional<std::shared_ptr<const WatchMessage>> Take(uint64_t number);

 private:
  // Messages are kept up to this size together, and the latest in any case.
  static constexpr size_t kKeptBytes = 64u << 20;
  // How many messages FindPlace makes at most.
  static constexpr int kMessagesAhead = 4;

  // Makes the next message; null when there is nothing new.
  std::shared_ptr<const WatchMessage> Make() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reader_mutex_);
  // Goes on from `next`: all messages before are forgotten.
  void Restart(const std::vector<uint64_t>& next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(reader_mutex_);
  // What Take returns without making anything.
  std::optional<std::shared_ptr<const WatchMessage>> Find(uint64_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(kept_mutex_);

  // Held while a message is made. Before kept_mutex_.
  Mutex reader_mutex_;
  EventReader reader_ ABSL_GUARDED_BY(reader_mutex_);

  Mutex kept_mutex_;
  size_t followers_ ABSL_GUARDED_BY(kept_mutex_) = 0;
  // The last of them is number end_ - 1.
  std::deque<std::shared_ptr<const WatchMessage>> kept_ ABSL_GUARDED_BY(kept_mutex_);
  size_t kept_bytes_ ABSL_GUARDED_BY(kept_mutex_) = 0;
  uint64_t end_ ABSL_GUARDED_BY(kept_mutex_) = 1;
};

// FeedFollower reads all events from a place of its own on, with the feed's
// messages as soon as it stands where one begins. Not thread-safe.
class FeedFollower {
 public:
  // `reader` says where it begins and is moved on. Both must outlive this.
  FeedFollower(EventFeed* feed, EventReader* reader) : feed_(*feed), reader_(*reader) {}
  ~FeedFollower() { Leave(); }
  FeedFollower(const FeedFollower&) = delete;
  FeedFollower& operator=(const FeedFollower&) = delete;

  // The next message; null when there is nothing new.
  std::shared_ptr<const WatchMessage> Next();
  bool follows() const { return following_.has_value(); }

 private:
  // Joins the feed if it stands where a message begins; otherwise sets place_.
  void TryToFollow();
  void Leave();

  EventFeed& feed_;
  EventReader& reader_;
  // The message of the feed to take next.
  std::optional<uint64_t> following_;
  // How far to read alone, and what to follow from there.
  std::optional<EventFeed::Place> place_;
};

}  // namespace conntrack
