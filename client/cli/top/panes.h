// What the panes of the live view say, line by line.
#pragma once

#include <vector>

#include "client/cli/top/controls.h"
#include "client/cli/top/picture.h"
#include "client/cli/top/screen.h"

namespace conntrack::cli::top {

// All lines of the pane that is chosen, none wider than `width`.
std::vector<Line> PaneLines(const Picture& picture, const Controls& controls, size_t width);

// What the keys do.
std::vector<Line> HelpLines(size_t width);

}  // namespace conntrack::cli::top
