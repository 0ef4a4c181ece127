"""A terminal to drive: tmux without a window, on a socket of its own.

Standard library only. Nothing is left running.
"""

import os
import subprocess
import sys
import tempfile

from chain import wait_until


class Tmux:
    """A shell in a terminal."""

    def __init__(self, width, height, **environment):
        self.folder = tempfile.TemporaryDirectory()
        self.size = (width, height)
        self.environment = {key: value for key, value in os.environ.items()
                            if key not in ("NO_COLOR", "TMUX")}
        self.environment.update(environment, LC_ALL="C.UTF-8")

    def __enter__(self):
        # The shell keeps nothing and reads nothing of whoever runs the test.
        self("new-session", "-d", "-x", str(self.size[0]), "-y", str(self.size[1]),
             "exec bash --norc --noprofile")
        try:
            self.wait_for("bash-")
        except AssertionError:
            # Who fails to enter is not left.
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *failure):
        if failure[0] is not None:
            print("the screen:", *self.lines(), sep="\n")
        self("kill-server")
        self.folder.cleanup()

    def __call__(self, *arguments):
        """Runs a command of tmux; returns what it prints."""
        return subprocess.run(["tmux", "-S", os.path.join(self.folder.name, "socket"), "-f", "/dev/null",
                               *arguments], env=self.environment, text=True, check=True,
                              stdout=subprocess.PIPE, timeout=30).stdout

    def type(self, text):
        self("send-keys", "-l", text)

    def press(self, *keys):
        """Keys by their names in tmux: Enter, Up, C-c, …"""
        self("send-keys", *keys)

    def run(self, command):
        self.type(command)
        self.press("Enter")

    def resize(self, width, height):
        self("resize-window", "-x", str(width), "-y", str(height))

    def lines(self, escapes=False):
        """The screen, line by line; with the escapes of its colours when they are wanted."""
        return self("capture-pane", "-p", *(["-e"] if escapes else [])).split("\n")

    def text(self, escapes=False):
        return "\n".join(self.lines(escapes))

    def flag(self, name):
        """A variable of tmux: alternate_on, cursor_flag, …"""
        return self("display-message", "-p", "#{" + name + "}").strip()

    def wait_for(self, *texts):
        """Waits until all texts stand on the screen."""
        wait_until(lambda: all(text in self.text() for text in texts), f"{texts} on the screen")

    def wait_without(self, text):
        wait_until(lambda: text not in self.text(), f"no {text} on the screen")
