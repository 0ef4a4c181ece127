#include "server/tracker/table.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <new>

#include "server/tracker/check.h"

namespace conntrack {
Table::~Table() {
  for (Chunk* const chunk : chunks_) {
    if (chunk != nullptr) FreeChunk(chunk);
  }
  if (buckets_ != nullptr) memory_.Free(buckets_, bucket_count_ * sizeof(Bucket));
}

size_t Table::memory_bytes() const {
  return chunks_.capacity() * sizeof(void*) +
         (open_chunks_.capacity() + absent_chunks_.capacity()) * sizeof(uint32_t);
}

ConnectionRef Table::ref(uint32_t index) const {
  const Chunk& chunk = *chunks_[index / kChunkRecords];
  const AddressPair* pair = family_ == Family::kIpv6 ? &addresses(index) : nullptr;
  const Labels* labels = chunk.labels == nullptr ? nullptr : &(*chunk.labels)[Place(index)];
  return ConnectionRef(&chunk.records[Place(index)], &chunk.extras[Place(index)], pair, labels);
}

ConnectionBlock Table::Block(uint32_t index) const {
  const Chunk* const chunk = chunks_[index / kChunkRecords];
  if (chunk == nullptr) return {};
  const AddressPair* pairs = family_ == Family::kIpv6 ? &addresses(index) : nullptr;
  const Labels* labels = chunk->labels == nullptr ? nullptr : chunk->labels->data();
  return {chunk->records.data(), chunk->extras.data(), pairs, ~chunk->free, labels};
}

void Table::PrefetchBlock(uint32_t index) const {
  if (index >= index_end()) return;
  const Chunk* const chunk = chunks_[index / kChunkRecords];
  if (chunk == nullptr) return;
  PrefetchToRead(&chunk->free);
  for (const Record& record : chunk->records) PrefetchToRead(&record);
}

StoredConnection Table::Copy(uint32_t index) const { return ref(index).Copy(); }

void Table::SetLabels(uint32_t index, const Labels& labels) {
  Chunk& chunk = *chunks_[index / kChunkRecords];
  if (chunk.labels == nullptr) {
    if (!labels.any()) return;
    chunk.labels = new (memory_.Allocate(sizeof(ChunkLabels))) ChunkLabels();
  }
  (*chunk.labels)[Place(index)] = labels;
}

uint32_t Table::Find(const Key& key, uint64_t hash) const {
  if (size_ == 0) return kNone;
  const KeyWords words = WordsOf(key);
  const auto low = static_cast<uint32_t>(hash);
  const uint8_t tag = TagOf(low);
  size_t position = BucketOf(hash);
  for (size_t probe = 0; probe < bucket_count_; ++probe) {
    const Bucket& bucket = buckets_[position];
    uint32_t match = bucket.Match(tag);
    for (; match != 0; match &= match - 1) {
      const uint32_t index = bucket.Index(static_cast<size_t>(std::countr_zero(match)));
      if (Holds(index, words, [&] { return AddressPair{key.first, key.second}; })) return index;
    }
    if (bucket.overflow == 0) return kNone;
    position = NextBucket(position, probe, low);
  }
  return kNone;
}

uint32_t Table::Insert(const Key& key, uint64_t hash, const Record& record) {
  if (size_ + 1 > bucket_count_ * kEntriesHigh) {
    Rehash(bucket_count_ == 0 ? 1 : bucket_count_ * 2);
  }
  const uint32_t index = AllocateRecord();
  Record& entry = this->record(index);
  entry = record;
  entry.in_use = 1;
  entry.ports = key.ports;
  entry.zone = key.zone;
  entry.protocol = key.protocol;
  entry.arming = {};
  if (family_ == Family::kIpv4) {
    entry.address = {static_cast<uint32_t>(key.first.low), static_cast<uint32_t>(key.second.low)};
  } else {
    entry.ipv6 = 1;
    addresses(index) = {key.first, key.second};
  }
  extra(index) = Extra{};
  extra(index).hash = static_cast<uint32_t>(hash);
  SetLabels(index, {});
  PutInBuckets(entry.Has(status_bit::kAssured) ? index | kAssured : index,
               static_cast<uint32_t>(hash));
  ++size_;
  return index;
}

void Table::Erase(uint32_t index) {
  Record& entry = record(index);
  CT_CHECK(entry.in_use);
  const auto [bucket, place] =
      FindEntry(index, extra(index).hash, [](Bucket* passed) { --passed->overflow; });
  bucket->tag[place] = 0;
  entry.in_use = 0;
  FreeRecord(index);
  --size_;
  if (size_ == 0) {
    Rehash(0);
  } else if (size_ < bucket_count_ * kEntriesLow && bucket_count_ > 1) {
    Rehash(bucket_count_ / 2);
  }
}

void Table::PutInBuckets(uint32_t entry, uint32_t hash) {
  size_t position = BucketOf(hash);
  for (size_t probe = 0;; ++probe) {
    Bucket& bucket = buckets_[position];
    const uint32_t empty = bucket.Match(0);
    if (empty != 0) {
      const auto place = static_cast<size_t>(std::countr_zero(empty));
      bucket.tag[place] = TagOf(hash);
      bucket.entry[place] = entry;
      return;
    }
    ++bucket.overflow;
    position = NextBucket(position, probe, hash);
  }
}

template <typename Passed>
std::pair<Table::Bucket*, size_t> Table::FindEntry(uint32_t index, uint32_t hash, Passed passed) {
  size_t position = BucketOf(hash);
  for (size_t probe = 0; probe < bucket_count_; ++probe) {
    Bucket* const bucket = &buckets_[position];
    uint32_t match = bucket->Match(TagOf(hash));
    for (; match != 0; match &= match - 1) {
      const auto place = static_cast<size_t>(std::countr_zero(match));
      if (bucket->Index(place) == index) return {bucket, place};
    }
    passed(bucket);
    position = NextBucket(position, probe, hash);
  }
  CT_CHECK(false);
}

void Table::SetAssured(uint32_t index) {
  record(index).status |= status_bit::kAssured;
  const auto [bucket, place] = FindEntry(index, extra(index).hash, [](Bucket*) {});
  bucket->entry[place] |= kAssured;
}

void Table::Rehash(size_t bucket_count) {
  Bucket* const old = buckets_;
  const size_t old_count = bucket_count_;
  bucket_count_ = bucket_count;
  buckets_ = nullptr;
  if (bucket_count > 0) {
    buckets_ = static_cast<Bucket*>(memory_.Allocate(bucket_count * sizeof(Bucket)));
    std::uninitialized_value_construct_n(buckets_, bucket_count);
  }
  shown_mask_.store(bucket_count == 0 ? 0 : bucket_count - 1, std::memory_order_relaxed);
  shown_buckets_.store(reinterpret_cast<uintptr_t>(buckets_), std::memory_order_relaxed);
  // Nearly every entry needs a line of a record that nobody has read for long.
  constexpr size_t kAhead = 4;
  const auto prefetch = [&](const Bucket& bucket) {
    for (size_t place = 0; place < kBucketEntries; ++place) {
      if (bucket.tag[place] != 0) PrefetchToRead(&extra(bucket.Index(place)).hash);
    }
  };
  for (size_t i = 0; i < std::min(kAhead, old_count); ++i) prefetch(old[i]);
  for (size_t i = 0; i < old_count; ++i) {
    if (i + kAhead < old_count) prefetch(old[i + kAhead]);
    for (size_t place = 0; place < kBucketEntries; ++place) {
      if (old[i].tag[place] == 0) continue;
      PutInBuckets(old[i].entry[place], extra(old[i].Index(place)).hash);
    }
  }
  if (old != nullptr) memory_.Free(old, old_count * sizeof(Bucket));
}

void Table::FreeChunk(Chunk* chunk) {
  if (chunk->labels != nullptr) memory_.Free(chunk->labels, sizeof(ChunkLabels));
  memory_.Free(chunk, ChunkBytes());
}

uint32_t Table::AllocateRecord() {
  while (!open_chunks_.empty()) {
    const uint32_t number = open_chunks_.back();
    Chunk* chunk = chunks_[number];
    if (chunk == nullptr) {
      open_chunks_.pop_back();
      continue;
    }
    const auto place = static_cast<uint32_t>(std::countr_zero(chunk->free));
    chunk->free &= chunk->free - 1;
    // FreeRecord lists it again. Left here, it would be listed once for each
    // turn of a full table.
    if (chunk->free == 0) open_chunks_.pop_back();
    return number * kChunkRecords + place;
  }
  uint32_t number = static_cast<uint32_t>(chunks_.size());
  if (absent_chunks_.empty()) {
    chunks_.emplace_back();
  } else {
    number = absent_chunks_.back();
    absent_chunks_.pop_back();
  }
  chunks_[number] = new (memory_.Allocate(ChunkBytes())) Chunk;
  chunks_[number]->free = ~uint64_t{1};
  open_chunks_.push_back(number);
  return number * kChunkRecords;
}

void Table::FreeRecord(uint32_t index) {
  const uint32_t number = index / kChunkRecords;
  Chunk*& chunk = chunks_[number];
  const bool was_full = chunk->free == 0;
  chunk->free |= uint64_t{1} << Place(index);
  if (~chunk->free == 0) {
    FreeChunk(chunk);
    chunk = nullptr;
    absent_chunks_.push_back(number);
  } else if (was_full) {
    open_chunks_.push_back(number);
  }
}

}  // namespace conntrack
