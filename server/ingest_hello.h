// What a sensor says of itself when its stream begins: conntrack/v1/ingest_service.proto
// has the rules.
#pragma once

#include "absl/status/status.h"
#include "conntrack/v1/ingest_service.pb.h"

namespace conntrack {

// InvalidArgument, naming the field and the value, when a hello breaks them.
absl::Status CheckHello(const v1::Hello& hello);

}  // namespace conntrack
