// The live view as lines of text: what stands where, in a terminal of any size.
#pragma once

#include <string>
#include <vector>

#include "client/cli/top/controls.h"
#include "client/cli/top/picture.h"
#include "client/cli/top/screen.h"

namespace conntrack::cli::top {

// Everything the view shows.
struct Scene {
  std::string server;
  // Null before the first answer.
  const Picture* picture = nullptr;
  // Why the last look failed, in a sentence; empty when it did not.
  std::string failure;
};

// The whole screen: `height` lines of at most `width` cells.
Screen Render(const Scene& scene, const Controls& controls, size_t width, size_t height);

// The same for a file or a pipe: the totals and all of the pane, however long.
std::vector<Line> RenderPlain(const Scene& scene, const Controls& controls, size_t width);

// Lines above and below the pane.
inline constexpr size_t kFrameLines = 4;

// The groups of the picture, the largest first by what `sort` names; those without a
// rate come last.
std::vector<GroupRow> Sorted(const std::vector<GroupRow>& groups, Amount sort);

// "0", "0.4", "12", "999", "1.2k", "35M".
std::string AmountText(double amount);
// The same, and "-" when it is not known.
std::string RateText(const Rate& rate);

}  // namespace conntrack::cli::top
