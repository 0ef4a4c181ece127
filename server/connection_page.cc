#include "server/connection_page.h"

#include <algorithm>

#include "conntrack/v1/connection_service.pb.h"

namespace conntrack {

size_t ConnectionPage::room() const {
  return std::min(connections_max_ - connections_, (kBytesMax - rows_.size()) / kConnectionRowRoom);
}

void ConnectionPage::Add(const ConnectionRef& connection, Time now) {
  AddConnection(v1::ListConnectionsResponse::kConnectionsFieldNumber, connection, now, context_,
                &rows_);
  ++connections_;
}

grpc::ByteBuffer ConnectionPage::Finish(const std::string& next_page_token) {
  if (!next_page_token.empty()) {
    v1::ListConnectionsResponse rest;
    rest.set_next_page_token(next_page_token);
    rows_.Append(rest.SerializeAsString());
  }
  return rows_.Take();
}

}  // namespace conntrack
