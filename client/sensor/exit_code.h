// The sensor's exit codes, which its help documents, and its version.
#pragma once

namespace conntrack::sensor {

enum ExitCode : int {
  kExitOk = 0,        // Everything read is accounted for and acknowledged.
  kExitUsage = 1,     // A flag, an environment variable or a TLS file.
  kExitInput = 2,     // The input cannot be opened or is no capture.
  kExitLinkType = 3,  // The decoder does not read its link type.
  kExitDamaged = 4,   // The input ended badly; what came before was sent.
  kExitServer = 5,    // Not reached, refused something, or did not acknowledge.
  kExitLedger = 6,    // The counts do not add up.
};

inline constexpr char kVersion[] = CONNTRACK_VERSION;

}  // namespace conntrack::sensor
