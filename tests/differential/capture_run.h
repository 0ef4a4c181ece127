// The comparison on captures, file by file. Prints what it does.
//
// Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "server/tracker/settings.h"
#include "tests/differential/kernel_subject.h"

namespace conntrack {

// Whether no file differed and all could be read.
bool CompareCaptures(const std::vector<std::string>& paths, const ZoneSettings& settings,
                     KernelSubject* kernel);

}  // namespace conntrack
