#include "client/cli/top/terminal.h"

// Its macros have everybody's names.
#define NCURSES_NOMACROS
#include <curses.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace conntrack::cli::top {
namespace {

constexpr int kEscape = 27;
// How long an escape is waited for to become a key with a longer name.
constexpr int kEscapeDelayMs = 25;

enum Pair : short { kGreen = 1, kYellow, kRed, kCyan };

std::array<attr_t, kStyles> Attributes(bool colours) {
  const auto coloured = [colours](Pair pair, attr_t otherwise) -> attr_t {
    return colours ? static_cast<attr_t>(COLOR_PAIR(pair)) : otherwise;
  };
  std::array<attr_t, kStyles> attributes = {};
  const auto at = [&attributes](Style style) -> attr_t& {
    return attributes[static_cast<size_t>(style)];
  };
  at(Style::kPlain) = A_NORMAL;
  at(Style::kBold) = A_BOLD;
  at(Style::kHeading) = coloured(kCyan, A_NORMAL) | A_BOLD;
  at(Style::kSorted) = A_REVERSE;
  at(Style::kDim) = A_DIM;
  at(Style::kGood) = coloured(kGreen, A_NORMAL);
  at(Style::kWarning) = coloured(kYellow, A_BOLD);
  at(Style::kBad) = coloured(kRed, A_BOLD) | A_BOLD;
  return attributes;
}

Key KeyOf(int code) {
  switch (code) {
    case KEY_UP:
      return {Key::kUp};
    case KEY_DOWN:
      return {Key::kDown};
    case KEY_LEFT:
      return {Key::kLeft};
    case KEY_RIGHT:
      return {Key::kRight};
    case KEY_PPAGE:
      return {Key::kPageUp};
    case KEY_NPAGE:
      return {Key::kPageDown};
    case KEY_HOME:
      return {Key::kHome};
    case KEY_END:
      return {Key::kEnd};
    case '\t':
      return {Key::kTab};
    case KEY_BTAB:
      return {Key::kBackTab};
    case '\n':
    case '\r':
    case KEY_ENTER:
      return {Key::kEnter};
    case kEscape:
      return {Key::kEscape};
    case KEY_BACKSPACE:
    case '\b':
    case 127:
      return {Key::kBackspace};
    case KEY_DC:
      return {Key::kDelete};
    default:
      return {Key::kCharacter, code >= ' ' && code <= '~' ? static_cast<char>(code) : '\0'};
  }
}

}  // namespace

struct Terminal::State {
  SCREEN* screen = nullptr;
  std::array<attr_t, kStyles> attributes = {};
};

absl::StatusOr<std::unique_ptr<Terminal>> Terminal::Open(bool colours) {
  auto state = std::make_unique<State>();
  // Unlike initscr, which ends the process.
  state->screen = newterm(nullptr, stdout, stdin);
  if (state->screen == nullptr) {
    const char* type = std::getenv("TERM");
    return absl::InvalidArgumentError(
        absl::StrCat("the terminal \"", type == nullptr ? "" : type,
                     "\" (TERM) is not known here; --once prints plain text"));
  }
  set_escdelay(kEscapeDelayMs);
  cbreak();
  noecho();
  nonl();
  curs_set(0);
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  const bool coloured = colours && has_colors() && start_color() == OK;
  if (coloured) {
    // The terminal's own background stays.
    const short background = use_default_colors() == OK ? -1 : COLOR_BLACK;
    init_pair(kGreen, COLOR_GREEN, background);
    init_pair(kYellow, COLOR_YELLOW, background);
    init_pair(kRed, COLOR_RED, background);
    init_pair(kCyan, COLOR_CYAN, background);
  }
  state->attributes = Attributes(coloured);
  return std::unique_ptr<Terminal>(new Terminal(std::move(state)));
}

Terminal::Terminal(std::unique_ptr<State> state) : state_(std::move(state)) {}

Terminal::~Terminal() {
  endwin();
  delscreen(state_->screen);
}

size_t Terminal::width() const { return static_cast<size_t>(std::max(getmaxx(stdscr), 0)); }

size_t Terminal::height() const { return static_cast<size_t>(std::max(getmaxy(stdscr), 0)); }

void Terminal::Resize() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return;
  resizeterm(size.ws_row, size.ws_col);
  // What the terminal did with the lines that were there is its own business.
  clearok(stdscr, TRUE);
}

void Terminal::Draw(const Screen& screen) {
  werase(stdscr);
  for (size_t row = 0; row < screen.lines.size(); ++row) {
    wmove(stdscr, static_cast<int>(row), 0);
    for (const Span& span : screen.lines[row]) {
      wattrset(stdscr, static_cast<int>(state_->attributes[static_cast<size_t>(span.style)]));
      waddnstr(stdscr, span.text.c_str(), static_cast<int>(span.text.size()));
    }
  }
  wattrset(stdscr, A_NORMAL);
  curs_set(screen.cursor.has_value() ? 1 : 0);
  if (screen.cursor.has_value()) {
    wmove(stdscr, static_cast<int>(screen.cursor->row), static_cast<int>(screen.cursor->column));
  }
  wrefresh(stdscr);
}

std::optional<Key> Terminal::ReadKey() {
  const int code = wgetch(stdscr);
  if (code == ERR) return std::nullopt;
  return KeyOf(code);
}

}  // namespace conntrack::cli::top
