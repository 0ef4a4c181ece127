// What this software calls itself.
#pragma once

#include <string>

namespace conntrack {

// "0.1.0".
const char* Version();
// "conntrack-server 0.1.0": for --version and on the wire.
std::string Software();

}  // namespace conntrack
