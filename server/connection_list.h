// ConnectionList is one ListConnections call, and ConnectionClosedList one
// ListClosedConnections call: a page in the making, in slices.
//
// Not thread-safe. A page without an order is one slice; with one it takes a look at
// the whole table and holds its rows until then.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "conntrack/v1/connection_service.pb.h"
#include "server/connection_page.h"
#include "server/page_token.h"
#include "server/tracker/filter.h"
#include "server/tracker/ordering.h"
#include "server/tracker/tracker.h"

namespace conntrack {

// What a listing needs besides the request. The tracker must outlive it.
struct ListOptions {
  Tracker* tracker;
  Time server_now;
  // Of the whole service: a request names its own fields.
  WireContext wire;
  // Of the request.
  Filter filter;
};

class ConnectionList {
 public:
  // InvalidArgument for a request that means nothing.
  static absl::StatusOr<std::unique_ptr<ConnectionList>> Make(
      ListOptions options, const v1::ListConnectionsRequest& request);

  // A slice of the work; true when there is more to do.
  bool Continue();
  // The answer, when there is no more to do.
  grpc::ByteBuffer Finish();

 private:
  ConnectionList(ListOptions options, size_t rows_max, PageToken token);

  // Scans on, up to so many visits a step. True when there is more.
  bool Scan(size_t visits_max, ScanVisit visit);
  grpc::ByteBuffer FinishOrdered();

  const ListOptions options_;
  // Its place is that of the scan; with an order the OrderPlace of the last row.
  PageToken token_;
  ScanPosition position_;
  bool more_ = true;
  ConnectionPage page_;
  // With an order.
  std::optional<FirstInOrder> first_;
};

class ConnectionClosedList {
 public:
  // InvalidArgument for a request that means nothing.
  static absl::StatusOr<std::unique_ptr<ConnectionClosedList>> Make(
      ListOptions options, const v1::ListClosedConnectionsRequest& request);

  // As those of ConnectionList.
  bool Continue();
  grpc::ByteBuffer Finish();

 private:
  ConnectionClosedList(ListOptions options, size_t rows_max, PageToken token, Time closed_after);

  // Adds what a range of a slot has, as far as there is room. Returns how many of its
  // events were looked at.
  size_t Add(const EventRange& range, uint32_t slot);

  const ListOptions options_;
  const Time closed_after_;
  // Its place is the next event: slot and sequence.
  PageToken token_;
  uint32_t slot_ = 0;
  uint64_t sequence_ = 1;
  ConnectionPage page_;
};

}  // namespace conntrack
