#include "tests/bench/prefilled.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "server/tracker/check.h"

namespace conntrack::bench {
namespace {

constexpr time_t kSenderSecondsMax = 60;

}  // namespace

Prefilled::Prefilled(size_t bytes_max) {
  descriptor_ = memfd_create("prefilled", MFD_CLOEXEC);
  CT_CHECK(descriptor_ >= 0);
  const size_t bytes = sizeof(Header) + bytes_max;
  CT_CHECK(ftruncate(descriptor_, static_cast<off_t>(bytes)) == 0);
  Map(bytes);
  CT_CHECK(sem_init(&header_->sender_turn, 1, 0) == 0);
  CT_CHECK(sem_init(&header_->filler_turn, 1, 0) == 0);
}

Prefilled::Prefilled(const std::string& path) {
  descriptor_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
  CT_CHECK(descriptor_ >= 0);
  struct stat file = {};
  CT_CHECK(fstat(descriptor_, &file) == 0);
  Map(static_cast<size_t>(file.st_size));
}

Prefilled::~Prefilled() {
  munmap(header_, size_bytes_);
  close(descriptor_);
}

void Prefilled::Map(size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  CT_CHECK(memory != MAP_FAILED);
  size_bytes_ = bytes;
  header_ = static_cast<Header*>(memory);
  messages_ = static_cast<char*>(memory) + sizeof(Header);
}

std::string Prefilled::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(descriptor_);
}

void Prefilled::Clear() { header_->streams = 0; }

void Prefilled::NextStream() {
  CT_CHECK(header_->streams < kStreamsMax);
  const size_t begin = header_->streams == 0 ? 0 : header_->ends[header_->streams - 1];
  header_->ends[header_->streams++] = begin;
}

void Prefilled::Append(std::string_view message) {
  size_t& end = header_->ends[header_->streams - 1];
  const uint64_t length = message.size();
  CT_CHECK(sizeof(Header) + end + sizeof(length) + length <= size_bytes_);
  std::memcpy(messages_ + end, &length, sizeof(length));
  std::memcpy(messages_ + end + sizeof(length), message.data(), length);
  end += sizeof(length) + length;
}

std::vector<std::string_view> Prefilled::Messages(size_t stream) const {
  std::vector<std::string_view> messages;
  size_t place = stream == 0 ? 0 : header_->ends[stream - 1];
  while (place < header_->ends[stream]) {
    uint64_t length = 0;
    std::memcpy(&length, messages_ + place, sizeof(length));
    messages.emplace_back(messages_ + place + sizeof(length), length);
    place += sizeof(length) + length;
  }
  return messages;
}

void Prefilled::GiveTurnToSender(bool over) {
  header_->over = over;
  CT_CHECK(sem_post(&header_->sender_turn) == 0);
}

void Prefilled::WaitForSender() {
  timespec until = {};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += kSenderSecondsMax;
  int result = 0;
  do {
    result = sem_timedwait(&header_->filler_turn, &until);
  } while (result != 0 && errno == EINTR);
  CT_CHECK(result == 0);
}

void Prefilled::GiveTurnToFiller() { CT_CHECK(sem_post(&header_->filler_turn) == 0); }

bool Prefilled::WaitForFiller() {
  while (sem_wait(&header_->sender_turn) != 0) CT_CHECK(errno == EINTR);
  return !header_->over;
}

}  // namespace conntrack::bench
