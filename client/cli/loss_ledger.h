// Whether every packet that a sensor captured is accounted for.
#pragma once

#include <cstdint>
#include <string>

#include "conntrack/v1/admin_service.pb.h"

namespace conntrack::cli {

// What the sensor captured less all that is known of it: applied, acknowledged
// before this server knew the session, rejected, filtered and dropped. Packets
// that came a second time count as applied once, so they play no part.
//
// Positive: on their way, or lost. Negative: the sensor's counts, which come
// once a second, are older than the server's.
int64_t LedgerBalance(const v1::Sensor& sensor);

// "adds up", "120 pending", "120 missing" of a sensor that is gone, or "counts
// are 7 packets old", or "no counts" of a sensor that sent none.
std::string LedgerText(const v1::Sensor& sensor);

}  // namespace conntrack::cli
