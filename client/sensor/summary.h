// The one summary at the end of a run, for people or for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/sensor/ledger.h"
#include "conntrack/ingest.h"

namespace conntrack::sensor {

struct Summary {
  std::string input;  // File or interface.
  Ledger ledger;
  client::IngestCounts sent;
  std::vector<client::Rejection> rejections;  // The latest.
  // Lost by the network card or its driver; they never reached the capture and
  // stand outside the ledger.
  uint64_t interface_dropped_packets = 0;
  double seconds = 0;
  std::string ledger_error;         // Empty: it adds up.
  std::vector<std::string> errors;  // What went wrong, in order.
};

// Lines for people, the last one included with its newline.
std::string SummaryAsText(const Summary& summary);

// One JSON object on one line.
std::string SummaryAsJson(const Summary& summary);

}  // namespace conntrack::sensor
