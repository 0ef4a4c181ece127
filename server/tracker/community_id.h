// Community ID, version 1 with seed 0: a digest of protocol, addresses and ports
// that Zeek, Suricata and others give the same flow. UDP-Lite has its ports in it;
// protocols without ports, GRE among them, only their addresses.
// https://github.com/corelight/community-id-spec
//
// Thread-safe. One costs some hundred nanoseconds and no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/tracker/connection.h"

namespace conntrack {

// SHA-1 of the flow.
using CommunityId = std::array<uint8_t, 20>;

// Bytes of the text.
inline constexpr size_t kCommunityIdBytes = 30;

CommunityId CommunityIdOf(const ConnectionRef& connection);

// Loads what the digest takes, a millisecond once: called before a lock is held, so that
// the first Community ID does not.
void LoadCommunityId();

// "1:LQU9qZlK+B5F3KDmev6m5PMibrg=".
std::string FormatCommunityId(const CommunityId& id);
// Nullopt when `text` is no Community ID of version 1.
std::optional<CommunityId> ParseCommunityId(absl::string_view text);

}  // namespace conntrack
