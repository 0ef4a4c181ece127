// SliceWriter collects the bytes of one large message in blocks, which gRPC
// sends as they are: the bytes are written once and never copied, and a message
// that goes to several clients is shared by them.
//
// Not thread-safe.
#pragma once

#include <grpc/slice.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace conntrack {

class SliceWriter {
 public:
  SliceWriter() = default;
  ~SliceWriter() { FreeBlock(); }
  SliceWriter(const SliceWriter&) = delete;
  SliceWriter& operator=(const SliceWriter&) = delete;

  // `room` bytes to write to, until Commit says where they ended.
  // REQUIRES: room <= kBlockBytes.
  char* Reserve(size_t room) {
    if (used_ + room > block_bytes_) NextBlock();
    return reinterpret_cast<char*>(GRPC_SLICE_START_PTR(block_)) + used_;
  }
  void Commit(const char* end) {
    used_ =
        static_cast<size_t>(reinterpret_cast<const uint8_t*>(end) - GRPC_SLICE_START_PTR(block_));
  }

  // Copies `bytes` behind what was written. REQUIRES: at most kBlockBytes.
  void Append(std::string_view bytes) {
    Commit(std::copy(bytes.begin(), bytes.end(), Reserve(bytes.size())));
  }

  // Bytes since the last Take.
  size_t size() const { return done_bytes_ + used_; }

  // All that was written; begins anew.
  grpc::ByteBuffer Take() {
    FinishBlock();
    const grpc::ByteBuffer message(done_.data(), done_.size());
    done_.clear();
    done_bytes_ = 0;
    return message;
  }
  // The same behind `head`.
  grpc::ByteBuffer Take(const grpc::Slice& head) {
    done_.insert(done_.begin(), head);
    return Take();
  }

  static constexpr size_t kBlockBytes = 64u << 10;

 private:
  void NextBlock() {
    FinishBlock();
    if (block_bytes_ > 0) return;
    block_ = grpc_slice_malloc(kBlockBytes);
    block_bytes_ = kBlockBytes;
  }

  void FinishBlock() {
    if (used_ == 0) return;
    if (used_ < block_bytes_ / 2) {
      // Better a copy than half a block that nobody uses while the message lives.
      done_.emplace_back(GRPC_SLICE_START_PTR(block_), used_);
    } else {
      done_.emplace_back(grpc_slice_sub_no_ref(block_, 0, used_), grpc::Slice::STEAL_REF);
      block_bytes_ = 0;
    }
    done_bytes_ += used_;
    used_ = 0;
  }

  void FreeBlock() {
    if (block_bytes_ > 0) grpc_slice_unref(block_);
  }

  // Written to from `used_` on, when block_bytes_ is not 0.
  grpc_slice block_;
  size_t block_bytes_ = 0;
  size_t used_ = 0;
  std::vector<grpc::Slice> done_;
  size_t done_bytes_ = 0;
};

}  // namespace conntrack
