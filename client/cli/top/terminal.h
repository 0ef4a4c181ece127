// The terminal as a screen of its own: the shell's comes back with the end of the
// Terminal.
//
// Not thread-safe; one at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "client/cli/top/controls.h"
#include "client/cli/top/screen.h"

namespace conntrack::cli::top {

class Terminal {
 public:
  // Takes the terminal on standard input and output. InvalidArgument for a TERM that is
  // not known here.
  static absl::StatusOr<std::unique_ptr<Terminal>> Open(bool colours);

  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  size_t width() const;
  size_t height() const;

  // Takes on the size that the terminal has now, and draws all of it anew.
  void Resize();

  void Draw(const Screen& screen);

  // The next key that was pressed; absent when there is none yet. A key without meaning
  // here is a character 0.
  std::optional<Key> ReadKey();

 private:
  struct State;
  explicit Terminal(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;
};

}  // namespace conntrack::cli::top
