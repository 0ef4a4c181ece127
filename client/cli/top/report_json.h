// A picture for programs.
#pragma once

#include <string>

#include "client/cli/top/picture.h"

namespace conntrack::cli::top {

// One object on one line, without a line break. Rates are per second, and null where they
// are not known; other numbers are numbers. Groups stand there when they were asked for.
std::string JsonOf(const Picture& picture);

}  // namespace conntrack::cli::top
