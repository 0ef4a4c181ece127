// ExplainPacket: a batch of one packet in, what it would do out.
//
// Thread-safe.
#pragma once

#include "absl/status/status.h"
#include "conntrack/v1/connection_service.pb.h"
#include "server/convert.h"
#include "server/tracker/tracker.h"

namespace conntrack {

// InvalidArgument for what ingest would reject, NotFound for an unknown zone.
absl::Status Explain(Tracker* tracker, Time server_now, const WireContext& context,
                     const v1::ExplainPacketRequest& request, v1::ExplainPacketResponse* response);

}  // namespace conntrack
