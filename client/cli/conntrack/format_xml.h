// Connections and events as elements of conntrack(8)'s `-o xml`.
#pragma once

#include <string>

#include "client/cli/format_conntrack.h"
#include "conntrack/v1/types.pb.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

// What stands before the first element and behind the last one, where there are
// any.
inline constexpr char kXmlBegin[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<conntrack>\n";
inline constexpr char kXmlEnd[] = "</conntrack>\n";

// One element, without the end of its line. Its id is always told.
std::string ConntrackXml(const v1::Connection& connection, const ConntrackStyle& style,
                         const ConntrackParts& parts);

// The same of an event; with `when` its local time is told.
std::string ConntrackXml(const v1::Event& event, const ConntrackStyle& style, bool when);

}  // namespace conntrack::cli
