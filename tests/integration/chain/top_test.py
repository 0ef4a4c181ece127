"""conntrackctl top in a real terminal, by its keys.

usage: top_test.py BUILD_DIR TOUR_CAPTURE OTHER_CAPTURE
"""

import re
import shutil
import signal
import sys

from chain import Programs, wait_until
from tmux import Tmux

HINTS = "q quit"


def column(terminal, heading):
    """The cells below a heading that stands over numbers, as far as the first empty line."""
    lines = terminal.lines()
    at = next(i for i, line in enumerate(lines) if heading in line.split())
    end = re.search(rf"(?<!\S){re.escape(heading)}(?!\S)", lines[at]).end()
    cells = []
    for line in lines[at + 1:]:
        if not line:
            break
        cells.append(line[:end].split()[-1])
    return cells


def start(terminal, programs, *flags):
    terminal.run(f"clear; echo before-{len(flags)}; {programs.ctl_path} --server {programs.listen} top "
                 f"--interval 100ms {' '.join(flags)}; echo exit-$?")
    terminal.wait_for("conntrackctl top", HINTS)


def check_restored(terminal, what):
    """The shell's screen is back, with its cursor and its echo."""
    terminal.wait_for("before-0", "exit-0")
    assert terminal.flag("alternate_on") == "0", f"{what} leaves the alternate screen on"
    assert terminal.flag("cursor_flag") == "1", f"{what} leaves the cursor hidden"
    terminal.run("stty -a | grep -oE -- '[- ](echo|icanon|icrnl|isig)( |$)' | tr -d '\\n'; echo :settings")
    terminal.wait_for(":settings")
    terminal.wait_for(" echo")
    assert "-echo " not in terminal.text() and "-icanon" not in terminal.text(), what


def check_panes(terminal):
    assert terminal.flag("alternate_on") == "1"
    assert terminal.flag("cursor_flag") == "0"
    terminal.wait_for("connections 18", "TIME_WAIT", "adds up")
    terminal.press("2")
    terminal.wait_for("ORIGINAL.SOURCE", "192.0.2.1 ", "2001:db8::1")
    terminal.press("g")
    terminal.wait_for("ORIGINAL.DESTINATION", "192.0.2.2")
    terminal.press("Tab")
    terminal.wait_for("ORIGINAL.DESTINATION", "192.0.2.9")
    terminal.wait_without("192.0.2.2 ")
    terminal.press("4")
    terminal.wait_for("SENSOR", "LEDGER", "adds up")
    terminal.press("BTab", "BTab", "?")
    terminal.wait_for("WHAT IT DOES", "edit the filter")
    terminal.press("x")
    terminal.wait_for("ORIGINAL.DESTINATION", "192.0.2.2")


def wait_for_mark(terminal, heading):
    """Waits until a heading is shown in reverse."""
    marked = re.compile(r"\x1b\[[0-9;]*7m" + re.escape(heading) + r"(?![/\w])")
    wait_until(lambda: marked.search(terminal.text(escapes=True)), f"{heading} is marked")


def check_sort(terminal):
    """Each column sorts; the server's order differs between them."""
    orders = {}
    for heading in ("PACKETS/S", "BYTES/S", "PACKETS", "BYTES", "CONNECTIONS"):
        terminal.press("s")
        wait_for_mark(terminal, heading)
        orders[heading] = column(terminal, "CONNECTIONS")
    counts = [int(cell) for cell in orders["CONNECTIONS"]]
    assert len(counts) > 2 and counts == sorted(counts, reverse=True), counts
    assert orders["BYTES"] != orders["CONNECTIONS"], orders
    terminal.press("S")
    wait_for_mark(terminal, "BYTES")


def edit_filter(terminal, text):
    terminal.press("f")
    wait_until(lambda: terminal.flag("cursor_flag") == "1", "the cursor shows where text goes")
    terminal.press("End", *["BSpace"] * 60)
    terminal.type(text)
    terminal.wait_for(f"filter: {text}".rstrip())
    terminal.press("Enter")


def check_filter(terminal):
    terminal.press("1")
    terminal.wait_for("UNREPLIED")
    edit_filter(terminal, "protocol = TCP")
    terminal.wait_without("UNREPLIED")
    terminal.wait_for("TIME_WAIT", "filter: protocol = TCP")
    edit_filter(terminal, "protocol = TCP AND colour = 3")
    terminal.wait_for("column 20", "colour")
    assert "UNREPLIED" not in terminal.text(), "the former filter stays"
    # What is told stays until a key is pressed; then the filter that counts is shown.
    terminal.press("1")
    wait_until(lambda: terminal.lines()[29] == "filter: protocol = TCP", "the former filter is shown")
    terminal.press("f")
    terminal.type("xyz")
    terminal.wait_for("filter: protocol = TCPxyz")
    terminal.press("Escape")
    wait_until(lambda: terminal.lines()[29] == "filter: protocol = TCP", "escape changes nothing")
    edit_filter(terminal, "")
    terminal.wait_for("UNREPLIED", HINTS)


def check_pause(terminal, programs, capture):
    terminal.press("p")
    terminal.wait_for("PAUSED")
    code, summary = programs.sensor("--read", capture, "--zone", "2", "--sensor-id", "second")
    assert code == 0, summary
    terminal.press("?")
    terminal.wait_for("WHAT IT DOES")
    terminal.press("x")
    terminal.wait_without("WHAT IT DOES")
    assert "connections 18 " in terminal.text(), "a pause keeps what was there"
    terminal.press("Space")
    terminal.wait_without("PAUSED")
    terminal.wait_without("connections 18 ")
    terminal.wait_for("second")
    terminal.press("+", "+", "+", "+")
    terminal.wait_for("every 2s")
    terminal.press("-", "-", "-", "-", "-", "-")
    terminal.wait_for("every 100ms")


def is_framed(lines, height):
    return lines[0].startswith("conntrackctl top") and lines[height - 1].startswith(HINTS)


def check_resize(terminal):
    for width, height in ((80, 24), (40, 10), (20, 3), (130, 40), (100, 30)):
        terminal.resize(width, height)
        wait_until(lambda: is_framed(terminal.lines(), height), f"the frame at {width}x{height}")
        lines = terminal.lines()
        assert sum(HINTS in line for line in lines) == 1, lines
        assert all(len(line) <= width for line in lines), lines
    terminal.resize(40, 10)
    terminal.wait_for("PROTOCOL")
    terminal.press("End")
    terminal.wait_for("second")
    terminal.press("Up", "Home")
    terminal.wait_for("PROTOCOL")
    terminal.resize(100, 30)
    terminal.wait_for("SENSOR")


def check_outage(terminal, programs, server):
    # A server that hangs, with a look under way, holds no key up.
    server.send_signal(signal.SIGSTOP)
    terminal.press("2", "?")
    terminal.wait_for("WHAT IT DOES")
    terminal.press("x", "1")
    terminal.wait_for("PROTOCOL")
    server.send_signal(signal.SIGCONT)
    programs.drain(server)
    terminal.wait_for("cannot reach", "trying again", "PROTOCOL")
    programs.start_server()
    terminal.wait_without("trying again")
    terminal.wait_for("connections 0", HINTS)


def check_ends(terminal, programs):
    """However it ends, the terminal is as it was."""
    terminal.press("q")
    check_restored(terminal, "q")
    start(terminal, programs)
    terminal.press("C-c")
    check_restored(terminal, "C-c")
    for name in ("TERM", "HUP", "QUIT"):
        start(terminal, programs)
        # Its own child, by the number of the shell's.
        shell = terminal.flag("pane_pid")
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as children:
            child = int(children.read().split()[0])
        terminal("run-shell", f"kill -{name} {child}")
        check_restored(terminal, name)
    start(terminal, programs)
    terminal.press("C-z")
    terminal.wait_for("Stopped")
    assert terminal.flag("alternate_on") == "0", "suspended"
    terminal.run("fg")
    terminal.wait_for("conntrackctl top", HINTS)
    terminal.press("q")
    terminal.wait_for("Stopped", "fg")


def check_colours(programs):
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-7]")
    for environment, wanted in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        with Tmux(100, 30, **environment) as terminal:
            start(terminal, programs)
            terminal.wait_for("PROTOCOL")
            found = coloured.search(terminal.text(escapes=True)) is not None
            assert found == wanted, f"colours with {environment}: {found}"
            terminal.press("q")
            terminal.wait_for("exit-0")


def main():
    if shutil.which("tmux") is None:
        print("skipped: there is no tmux; scripts/deps test installs it")
        return 77
    build, tour, other = sys.argv[1:]
    with Programs(build) as programs:
        server = programs.start_server()
        code, summary = programs.sensor("--read", tour, "--zone", "1", "--sensor-id", "first")
        assert code == 0, summary
        check_colours(programs)
        with Tmux(100, 30) as terminal:
            start(terminal, programs)
            check_panes(terminal)
            check_sort(terminal)
            check_filter(terminal)
            check_pause(terminal, programs, other)
            check_resize(terminal)
            check_outage(terminal, programs, server)
            check_ends(terminal, programs)
    print("keys, sizes, outage and ends are as they should be")
    return 0


sys.exit(main())
