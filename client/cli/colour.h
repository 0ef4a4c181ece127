// Colours of a terminal, for the words of a table that matter.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace conntrack::cli {

enum class ColourMode { kAuto, kAlways, kNever };

// "auto", "always" or "never"; InvalidArgument for all else.
absl::StatusOr<ColourMode> ParseColourMode(const std::string& text);

// Whether what is written to the descriptor may have colours. kAuto: it is a terminal
// that is not dumb, and NO_COLOR is not in the environment, or empty.
bool MayColour(ColourMode mode, int descriptor);

// The word in the colour of what it says, with the end of the colour behind it: red for
// what is refused or over, yellow for what is half open, green for what stands. As it
// is when it is none of the states, verdicts, events and flags that have one.
std::string Coloured(const std::string& word);

}  // namespace conntrack::cli
