// What conntrack(8) says beside its data.
#pragma once

#include <cstdint>
#include <string>

namespace conntrack::cli {

// The version of conntrack-tools whose options and formats these are.
inline constexpr char kConntrackToolsVersion[] = "1.4.7";

// "conntrack v1.4.7 (conntrack-service)": scripts look for the version they know.
std::string ConntrackName();

// Says a sentence on standard error, behind the name.
void Tell(const std::string& sentence);

// "3 flow entries have been shown."
void TellCount(uint64_t count, const char* what, const char* done);

}  // namespace conntrack::cli
