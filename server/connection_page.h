// ConnectionPage is a ListConnectionsResponse, or a ListClosedConnectionsResponse, in
// the making: its bytes as they go to the socket, without a message in between.
//
// Not thread-safe. A connection costs some 100 ns and no allocation of its own.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <string>

#include "server/convert_connection.h"
#include "server/convert_event.h"
#include "server/slice_writer.h"

namespace conntrack {

class ConnectionPage {
 public:
  // Clients take messages of 4 MiB unless told otherwise. The rest is for the
  // token.
  static constexpr size_t kBytesMax = (4u << 20) - 1024;

  // For `rows_max` at most. `context` must outlive this.
  ConnectionPage(size_t rows_max, const WireContext& context)
      : context_(context), rows_max_(rows_max) {}

  // How many rows fit for certain.
  size_t room() const;

  // A row of the one response, and of the other.
  //
  // REQUIRES: room() > 0.
  void Add(const ConnectionRef& connection, Time now);
  void Add(const Event& event, uint32_t slot);

  // The message, with the token of the next page or an empty one.
  grpc::ByteBuffer Finish(const std::string& next_page_token);

 private:
  const WireContext& context_;
  const size_t rows_max_;
  size_t row_count_ = 0;
  SliceWriter rows_;
};

}  // namespace conntrack
