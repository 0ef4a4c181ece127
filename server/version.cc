#include "server/version.h"

namespace conntrack {

// CMake's project version.
const char* Version() { return CONNTRACK_VERSION; }

std::string Software() { return std::string("conntrack-server ") + Version(); }

}  // namespace conntrack
