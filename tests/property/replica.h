// Replica is what a client makes of a watch: it stores what it is sent, holds the
// server to every promise of watch_service.proto, and can be compared with an
// export of a slot at the export's own sequence.
//
// Not thread-safe. The connections of a slot are kept as they were at the last
// comparison, and what came since beside them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::testing {

// Connections of the same essence have the same number.
uint64_t EssenceNumber(const v1::Connection& connection);
// Of both directions.
uint64_t PacketsOf(const v1::Connection& connection);

// One slot of an export.
struct ExportedSlot {
  struct Row {
    uint64_t essence = 0;
    uint64_t packets = 0;
  };
  std::map<uint64_t, Row> rows;
  uint64_t sequence = 0;
};

class Replica {
 public:
  // `filtered`: events may be left out. `snapshot`: one was asked for.
  Replica(uint32_t slot_count, bool filtered, bool snapshot);

  void Take(const v1::WatchResponse& response);

  // True when comparing with this cut says something: the snapshot has ended, and
  // all up to the cut has come.
  bool Reaches(uint32_t slot, uint64_t sequence) const;
  // What came of the slot begins behind this cut, so that nothing can be said.
  bool BeginsBehind(uint32_t slot, uint64_t sequence) const;
  // Notes each difference as a fault. Cuts of a slot must come in order.
  //
  // REQUIRES: Reaches, or nothing happens any more.
  void Compare(uint32_t slot, const ExportedSlot& exported);

  // What was wrong so far; at most a hundred.
  const std::vector<std::string>& faults() const { return faults_; }
  bool snapshot_ended() const { return snapshot_ended_; }
  const std::string& token() const { return token_; }
  uint64_t bookmarks() const { return bookmarks_; }
  uint64_t events() const { return events_; }
  uint64_t lost() const { return lost_; }
  uint64_t compared() const { return compared_; }

 private:
  struct Row {
    uint64_t essence = 0;
    // As of the last event; 0: no event told of it.
    uint64_t packets = 0;
    // Nothing was lost since it was told.
    bool fresh = true;
  };
  struct Entry {
    enum class Kind { kPut, kLeave, kEnd, kLoss };
    Kind kind;
    uint64_t sequence;
    uint64_t id = 0;
    uint64_t essence = 0;
    uint64_t packets = 0;
  };
  struct Slot {
    // The next sequence to come; 0: not known yet.
    uint64_t next = 0;
    // `rows` are as of this one, or of one between this and the first in `journal`.
    uint64_t base = 0;
    // There may be connections that were never told.
    bool lossy = false;
    std::map<uint64_t, Row> rows;
    std::deque<Entry> journal;
    // Ids that exist after the journal, those that left during the snapshot, and those
    // that ended last.
    std::set<uint64_t> ids;
    std::set<uint64_t> left;
    std::set<uint64_t> ended;
  };

  void TakeSnapshot(const v1::SnapshotBatch& batch);
  void TakeEvents(const v1::EventBatch& batch);
  void TakeEvent(const v1::Event& event);
  // A place to resume from is where the stream stands.
  void TakeToken(const std::string& token);
  void Cover(const v1::SequenceRange& range);
  void Note(Slot* slot, const Entry& entry);
  static void Apply(Slot* slot, const Entry& entry);
  void Fault(std::string text);

  const uint32_t slot_count_;
  const bool filtered_;
  bool snapshot_ended_;
  std::set<uint64_t> snapshot_ids_;
  std::map<uint32_t, Slot> slots_;
  std::string token_;
  uint64_t bookmarks_ = 0;
  uint64_t events_ = 0;
  uint64_t lost_ = 0;
  uint64_t compared_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace conntrack::testing
