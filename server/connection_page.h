// ConnectionPage is a ListConnectionsResponse in the making: its bytes as they
// go to the socket, without a message in between.
//
// Not thread-safe. A connection costs some 100 ns and no allocation of its own.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <string>

#include "server/convert_connection.h"
#include "server/slice_writer.h"

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
  const WireContext& context_;
  const size_t connections_max_;
  size_t connections_ = 0;
  SliceWriter rows_;
};

}  // namespace conntrack
