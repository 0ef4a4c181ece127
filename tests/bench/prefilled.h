// Prefilled is memory that a benchmark shares with the process that sends its
// messages: the messages of each stream, and whose turn it is.
//
// Used by two processes in turns: whoever waits for the other touches nothing.
#pragma once

#include <semaphore.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conntrack::bench {

class Prefilled {
 public:
  static constexpr size_t kStreamsMax = 2;

  // New memory, of the process that fills it, for that many bytes of messages.
  explicit Prefilled(size_t bytes_max);
  // The memory that another process made at `path`.
  explicit Prefilled(const std::string& path);
  ~Prefilled();
  Prefilled(const Prefilled&) = delete;
  Prefilled& operator=(const Prefilled&) = delete;

  // Where the other process finds it.
  std::string path() const;

  // Forgets all messages.
  void Clear();
  // Adds a message to the latest stream, and begins the next stream.
  void Append(std::string_view message);
  void NextStream();
  size_t streams() const { return header_->streams; }
  // The messages of one stream, in order; they point into this.
  std::vector<std::string_view> Messages(size_t stream) const;

  // What the sending process used, in nanoseconds of a core.
  int64_t cpu_ns() const { return header_->cpu_ns; }
  void set_cpu_ns(int64_t cpu_ns) { header_->cpu_ns = cpu_ns; }

  // Each wakes the other side's wait. The turn of the sender is its last when it
  // is `over`. The filler aborts when the sender needs more than a minute.
  void GiveTurnToSender(bool over = false);
  void WaitForSender();
  void GiveTurnToFiller();
  // False when it is over.
  bool WaitForFiller();

 private:
  struct Header {
    sem_t sender_turn;
    sem_t filler_turn;
    bool over;
    size_t streams;
    // Where the messages of stream i end.
    size_t ends[kStreamsMax];
    int64_t cpu_ns;
  };

  void Map(size_t bytes);

  int descriptor_ = -1;
  size_t size_bytes_ = 0;
  Header* header_ = nullptr;
  char* messages_ = nullptr;
};

}  // namespace conntrack::bench
