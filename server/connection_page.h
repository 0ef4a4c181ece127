// ConnectionPage is a ListConnectionsResponse in the making: its bytes as they
// go to the socket, without a message in between.
//
// Not thread-safe. A connection costs some 100 ns and no allocation of its own.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <string>
#include <vector>

#include "server/convert_connection.h"

namespace conntrack {

class ConnectionPage {
 public:
  // Clients take messages of 4 MiB unless told otherwise. The rest is for the
  // token.
  static constexpr size_t kBytesMax = (4u << 20) - 1024;

  // For `connections_max` at most. `context` must outlive this.
  ConnectionPage(size_t connections_max, const WireContext& context)
      : context_(context), connections_max_(connections_max) {}

  // How many connections fit for certain.
  size_t room() const;

  // REQUIRES: room() > 0.
  void Add(const ConnectionRef& connection, Time now);

  // The message, with the token of the next page or an empty one.
  grpc::ByteBuffer Finish(const std::string& next_page_token);

 private:
  // Of one connection with its head.
  static constexpr size_t kRowRoom = kConnectionRoom + 3;
  static constexpr size_t kBlockBytes = 128u << 10;

  void CloseBlock();

  const WireContext& context_;
  const size_t connections_max_;
  size_t connections_ = 0;
  // Full blocks, and their bytes.
  std::vector<grpc::Slice> blocks_;
  size_t closed_bytes_ = 0;
  // The block that is written, and how far.
  grpc::Slice block_;
  size_t block_bytes_ = 0;
};

}  // namespace conntrack
