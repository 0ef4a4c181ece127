// Table holds the connections of one slot and one family: buckets of tags and
// indexes, and a slab of records.
//
// A bucket is one cache line of 12 one-byte tags and 12 entries, so that a
// lookup reads one line of buckets and, but for one tag collision in some 250
// entries, only the record it wants. What does not fit stands in the bucket beside
// it, whose line memory loads along, and seldom further off, by a stride taken from
// the hash; an overflow count tells a lookup where to stop. Records lie in chunks
// of 64 that never move, so an index stays valid until its record is erased;
// an empty chunk gives its memory back. Labels lie beside a chunk from the first
// label of one of its connections on, so that connections without cost nothing.
//
// Not thread-safe: owned by a slot and guarded by its lock. Find, Insert and
// Erase are constant time, but an Insert that doubles the buckets and an Erase
// that halves them cost time proportional to the number of connections.
#pragma once

#include <emmintrin.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "server/tracker/connection.h"
#include "server/tracker/memory.h"
#include "server/tracker/prefetch.h"
#include "server/tracker/tuple.h"

namespace conntrack {

class Table {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kChunkRecords = ConnectionBlock::kPlaces;

  // `memory` must outlive the table.
  Table(Family family, Memory* memory) : family_(family), memory_(*memory) {}
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  size_t size() const { return size_; }
  // Bytes of the lists of chunks; the rest is counted by the memory.
  size_t memory_bytes() const;

  // Starts to load the bucket that Find will read first. May be called without
  // the lock: in the worst case it loads a line in vain.
  void PrefetchBucket(uint64_t hash) const {
    const size_t mask = shown_mask_.load(std::memory_order_relaxed);
    const uintptr_t first = shown_buckets_.load(std::memory_order_relaxed);
    Prefetch(reinterpret_cast<const void*>(first + (hash & mask) * sizeof(Bucket)));
  }
  // Starts to load the records that Find will compare first, and returns the
  // index of the first of them, or kNone.
  uint32_t PrefetchRecord(uint64_t hash) const {
    if (bucket_count_ == 0) return kNone;
    const auto low = static_cast<uint32_t>(hash);
    const Bucket* bucket = &buckets_[BucketOf(hash)];
    uint32_t match = bucket->Match(TagOf(low));
    if (match == 0 && bucket->overflow != 0) {
      bucket = &buckets_[NextBucket(BucketOf(hash), 0, low)];
      match = bucket->Match(TagOf(low));
    }
    if (match == 0) return kNone;
    const uint32_t first = bucket->Index(static_cast<size_t>(std::countr_zero(match)));
    PrefetchKnown(first);
    while ((match &= match - 1) != 0) {
      PrefetchKnown(bucket->Index(static_cast<size_t>(std::countr_zero(match))));
    }
    return first;
  }
  // Starts to load the record that most likely gives way to a new one of this hash in
  // a full zone: one that is not assured.
  void PrefetchVictim(uint64_t hash) const {
    const uint32_t victim = FindNear(hash, 1, false, [](uint32_t) { return true; });
    if (victim != kNone) PrefetchWhole(victim);
  }
  // Starts to load a record and its Extra, if it is there.
  void PrefetchWhole(uint32_t index) const {
    const Chunk* const chunk = chunks_[index / kChunkRecords];
    if (chunk == nullptr) return;
    PrefetchKnown(index);
    Prefetch(&chunk->extras[Place(index)]);
  }

  // True when `index`, which PrefetchRecord returned some time ago, is of the
  // record with this key. `ends` returns the addresses of its ends as an
  // AddressPair; only IPv6 asks.
  template <typename Ends>
  bool Holds(uint32_t index, const KeyWords& words, Ends ends) const {
    if (index == kNone) return false;
    const Chunk* const chunk = chunks_[index / kChunkRecords];
    if (chunk == nullptr || chunk->records[Place(index)].words() != words) return false;
    return family_ == Family::kIpv4 || addresses(index) == ends();
  }

  // The index of the record with this key, or kNone.
  uint32_t Find(const Key& key, uint64_t hash) const;

  // Sets the status bit. Buckets know it too: whoever looks for a connection that may
  // give way reads the records of no others.
  //
  // REQUIRES: the index is of a record in use.
  void SetAssured(uint32_t index);

  // Adds a copy of `record` under this key and returns its index. Key and `in_use` of
  // the copy and the hash of its Extra are set here; it is armed nowhere.
  //
  // REQUIRES: Find(key, hash) == kNone.
  uint32_t Insert(const Key& key, uint64_t hash, const Record& record);

  // Removes a record. REQUIRES: the index is of a record in use.
  void Erase(uint32_t index);

  Record& record(uint32_t index) { return chunks_[index / kChunkRecords]->records[Place(index)]; }
  const Record& record(uint32_t index) const {
    return chunks_[index / kChunkRecords]->records[Place(index)];
  }
  Extra& extra(uint32_t index) { return chunks_[index / kChunkRecords]->extras[Place(index)]; }
  // Sets all labels of a record in use.
  void SetLabels(uint32_t index, const Labels& labels);
  ConnectionRef ref(uint32_t index) const;
  StoredConnection Copy(uint32_t index) const;

  // Indexes run from 0 to index_end() - 1, with gaps.
  uint32_t index_end() const { return static_cast<uint32_t>(chunks_.size() * kChunkRecords); }
  // The records from `index` to the end of its chunk. REQUIRES: index is a
  // multiple of kChunkRecords, below index_end().
  ConnectionBlock Block(uint32_t index) const;
  // Starts to load the first line of each of them, and what Block reads.
  void PrefetchBlock(uint32_t index) const;
  // True when the index is of a record in use.
  bool InUse(uint32_t index) const {
    return index < index_end() && chunks_[index / kChunkRecords] != nullptr &&
           record(index).in_use != 0;
  }

  // Calls visit(index) for the records in the bucket of `hash` and the next ones,
  // `buckets_max` in all, that are assured or not, until it returns true; returns that
  // index, or kNone.
  template <typename Visit>
  uint32_t FindNear(uint64_t hash, size_t buckets_max, bool assured, Visit visit) const {
    for (size_t i = 0; i < buckets_max && i < bucket_count_; ++i) {
      const Bucket& bucket = buckets_[(BucketOf(hash) + i) & (bucket_count_ - 1)];
      for (size_t place = 0; place < kBucketEntries; ++place) {
        if (bucket.tag[place] == 0 || bucket.IsAssured(place) != assured) continue;
        if (visit(bucket.Index(place))) return bucket.Index(place);
      }
    }
    return kNone;
  }

 private:
  static constexpr size_t kBucketEntries = 12;
  // Grow above 9 entries a bucket on average, shrink below 2: one entry in a hundred
  // stands neither in its bucket nor beside it.
  static constexpr size_t kEntriesHigh = 9;
  static constexpr size_t kEntriesLow = 2;

  // In an entry: the record has status_bit::kAssured.
  static constexpr uint32_t kAssured = 1u << 31;

  struct alignas(64) Bucket {
    std::array<uint8_t, kBucketEntries> tag = {};  // 0: empty.
    // Entries that wanted this bucket and stand in a later one.
    uint32_t overflow = 0;
    // An index, and kAssured.
    std::array<uint32_t, kBucketEntries> entry = {};

    uint32_t Index(size_t place) const { return entry[place] & ~kAssured; }
    bool IsAssured(size_t place) const { return (entry[place] & kAssured) != 0; }

    // Bits of the places whose tag is `wanted`.
    uint32_t Match(uint8_t wanted) const {
      const __m128i line = _mm_load_si128(reinterpret_cast<const __m128i*>(tag.data()));
      const __m128i same = _mm_cmpeq_epi8(line, _mm_set1_epi8(static_cast<char>(wanted)));
      return static_cast<uint32_t>(_mm_movemask_epi8(same)) & 0xFFFu;
    }
  };
  static_assert(sizeof(Bucket) == 64);

  // By place.
  using ChunkLabels = std::array<Labels, kChunkRecords>;

  struct alignas(64) Chunk {
    std::array<Record, kChunkRecords> records;
    std::array<Extra, kChunkRecords> extras;
    // By place, a bit.
    uint64_t free = 0;
    // Null until a connection here gets a label.
    ChunkLabels* labels = nullptr;
  };
  static_assert(kChunkRecords == 64);
  // Follows the chunk of an IPv6 table.
  using ChunkAddresses = std::array<AddressPair, kChunkRecords>;

  static uint32_t Place(uint32_t index) { return index % kChunkRecords; }
  static uint8_t TagOf(uint32_t hash) {
    const auto tag = static_cast<uint8_t>(hash >> 24);
    return tag == 0 ? 1 : tag;
  }
  // Where an entry of `hash` stands when `position`, the bucket after `probe` others, is
  // full: in the other bucket of the pair, then in the next pair by an odd stride, so
  // that the probe visits every bucket.
  size_t NextBucket(size_t position, size_t probe, uint32_t hash) const {
    const size_t beside = position ^ 1;
    const size_t pairs = probe % 2 == 0 ? 0 : (hash >> 23) | 1;
    return (beside + 2 * pairs) & (bucket_count_ - 1);
  }
  size_t BucketOf(uint64_t hash) const { return static_cast<uint32_t>(hash) & (bucket_count_ - 1); }
  size_t ChunkBytes() const {
    return sizeof(Chunk) + (family_ == Family::kIpv6 ? sizeof(ChunkAddresses) : 0);
  }
  // Of a record in use, or of one that was and whose chunk is still there.
  void PrefetchKnown(uint32_t index) const {
    const char* const line = reinterpret_cast<const char*>(&record(index));
    Prefetch(line);
    Prefetch(line + 64);
    if (family_ == Family::kIpv6) Prefetch(&addresses(index));
  }
  // Of IPv6 tables.
  AddressPair& addresses(uint32_t index) const {
    Chunk* const chunk = chunks_[index / kChunkRecords];
    return (*reinterpret_cast<ChunkAddresses*>(chunk + 1))[Place(index)];
  }

  // Gives the memory of a chunk back.
  void FreeChunk(Chunk* chunk);
  uint32_t AllocateRecord();
  void FreeRecord(uint32_t index);
  void PutInBuckets(uint32_t entry, uint32_t hash);
  // The bucket and the place of a record in use, whose hash this is. `passed` is called
  // with each bucket before it, which counted it when it did not fit.
  template <typename Passed>
  std::pair<Bucket*, size_t> FindEntry(uint32_t index, uint32_t hash, Passed passed);
  void Rehash(size_t bucket_count);

  const Family family_;
  Memory& memory_;
  size_t size_ = 0;
  // A power of two, or none.
  size_t bucket_count_ = 0;
  Bucket* buckets_ = nullptr;
  // The same for PrefetchBucket.
  std::atomic<size_t> shown_mask_{0};
  std::atomic<uintptr_t> shown_buckets_{0};
  std::vector<Chunk*> chunks_;
  // Chunks that have a free record, each once, and chunks that were given back.
  // The latter are gone before a chunk is made, because one is made only when
  // this is empty.
  std::vector<uint32_t> open_chunks_;
  // Places of chunks_ without a chunk.
  std::vector<uint32_t> absent_chunks_;
};

}  // namespace conntrack
