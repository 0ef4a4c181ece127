// Which connections the options of a command mean.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/cli/conntrack/options.h"
#include "conntrack/v1/types.pb.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

// What the server decides, by a filter, and the rest, which the filter language
// does not know: masks that are no prefix, and parts of events.
class Selection {
 public:
  // Of -L, -D, -G and -E. An -U sets mark, timeout, status and state instead of
  // asking for them.
  explicit Selection(const ConntrackOptions& options);

  // For List and Watch. Empty: every connection.
  const std::string& filter() const { return filter_; }

  // No connection of a server that only watches can be meant.
  bool nothing() const { return nothing_; }

  // Whether one that passed the filter is meant.
  bool Has(const v1::Connection& connection) const;

  // The same of an event: what an event does not carry is not found.
  bool Has(const v1::Event& event) const;

 private:
  void Add(const std::string& test);
  void AddAddress(const char* field, const IpAddress& address,
                  const std::optional<IpAddress>& mask);
  void AddDirection(const char* name, const DirectionOptions& direction, bool ports);
  void AddValues(const ConntrackOptions& options);
  void AddKeys(const DirectionOptions& direction, bool original);

  std::string filter_;
  bool nothing_ = false;
  std::vector<std::function<bool(const v1::Connection&)>> tests_;
  bool marked_ = false;
  bool labelled_ = false;
  uint32_t events_ = kAllEvents;
};

}  // namespace conntrack::cli
