// Questions to a saved export, answered as the server would that wrote it: its filter, its
// groups and its converters decide.
//
// `age`, `idle` and `expires` are as of the export. Groups of a count by `sensor` that are
// of one size come in the order of their names, not of the sensors' first arrival.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli {

// Gives the connections that match, in the order of the file, until `visit` says false.
// InvalidArgument for a bad filter and for what is no export; DataLoss, with the byte, for
// a damaged one.
absl::Status ListSaved(const std::string& path, const std::string& filter,
                       const std::function<bool(const v1::Connection&)>& visit);

// NotFound when the file does not have it. Codes as for ListSaved.
absl::StatusOr<v1::Connection> GetSaved(const std::string& path,
                                        const v1::GetConnectionRequest& request);

absl::StatusOr<v1::CountConnectionsResponse> CountSaved(const std::string& path,
                                                        const v1::CountConnectionsRequest& request);

}  // namespace conntrack::cli
