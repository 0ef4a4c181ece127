#include "server/connection_page.h"

#include <algorithm>

#include "conntrack/v1/connection_service.pb.h"

namespace conntrack {

namespace {

using Wire = v1::ListConnectionsResponse;
using ClosedWire = v1::ListClosedConnectionsResponse;
static_assert(int{Wire::kNextPageTokenFieldNumber} == int{ClosedWire::kNextPageTokenFieldNumber});

}  // namespace

size_t ConnectionPage::room() const {
  constexpr size_t kRowRoom = std::max(kConnectionRowRoom, kEventRowRoom);
  return std::min(rows_max_ - row_count_, (kBytesMax - rows_.size()) / kRowRoom);
}

void ConnectionPage::Add(const ConnectionRef& connection, Time now) {
  AddConnection(Wire::kConnectionsFieldNumber, connection, now, context_, &rows_);
  ++row_count_;
}

void ConnectionPage::Add(const Event& event, uint32_t slot) {
  AddEvent(ClosedWire::kEventsFieldNumber, event, slot, Shown::kAsItIs, context_, &rows_);
  ++row_count_;
}

grpc::ByteBuffer ConnectionPage::Finish(const std::string& next_page_token) {
  if (!next_page_token.empty()) {
    Wire rest;
    rest.set_next_page_token(next_page_token);
    rows_.Append(rest.SerializeAsString());
  }
  return rows_.Take();
}

}  // namespace conntrack
