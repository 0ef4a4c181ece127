#include "server/connection_page.h"

#include <algorithm>

#include "conntrack/v1/connection_service.pb.h"

namespace conntrack {
namespace {

// A slice that nobody else has seen may be written.
char* Writable(const grpc::Slice& slice) {
  return reinterpret_cast<char*>(const_cast<uint8_t*>(slice.begin()));
}

}  // namespace

size_t ConnectionPage::room() const {
  return std::min(connections_max_ - connections_,
                  (kBytesMax - closed_bytes_ - block_bytes_) / kRowRoom);
}

void ConnectionPage::Add(const ConnectionRef& connection, Time now) {
  if (block_.size() - block_bytes_ < kRowRoom) {
    CloseBlock();
    block_ = grpc::Slice(kBlockBytes);
  }
  char* const begin = Writable(block_) + block_bytes_;
  WireWriter writer(begin);
  char* const row = writer.BeginLong(v1::ListConnectionsResponse::kConnectionsFieldNumber);
  WriteConnection(connection, now, context_, &writer);
  writer.EndLong(row);
  block_bytes_ += static_cast<size_t>(writer.end() - begin);
  ++connections_;
}

void ConnectionPage::CloseBlock() {
  if (block_bytes_ == 0) return;
  blocks_.push_back(block_.sub(0, block_bytes_));
  closed_bytes_ += block_bytes_;
  block_bytes_ = 0;
}

grpc::ByteBuffer ConnectionPage::Finish(const std::string& next_page_token) {
  CloseBlock();
  v1::ListConnectionsResponse rest;
  rest.set_next_page_token(next_page_token);
  blocks_.emplace_back(rest.SerializeAsString());
  return grpc::ByteBuffer(blocks_.data(), blocks_.size());
}

}  // namespace conntrack
