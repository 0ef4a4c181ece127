#!/usr/bin/env python3
"""server.yaml of the package documents every setting, each with its true default."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SERVER, FILE = sys.argv[1:3]
del sys.argv[1:3]


def print_config(*arguments):
    return subprocess.run([SERVER, *arguments, "--print-config"], capture_output=True, text=True, check=True,
                          env={}).stdout


class ServerYamlTest(unittest.TestCase):
    def test_as_it_is_it_changes_nothing(self):
        self.assertEqual(print_config("--config", FILE), print_config())

    def test_with_every_setting_in_force_it_changes_nothing(self):
        # Settings are commented out with an even number of blanks, sentences with an odd one.
        text = re.sub(r"(?m)^#((?:  )*[a-z])", r"\1", pathlib.Path(FILE).read_text())
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            self.assertEqual(print_config("--config", file.name), print_config())

        def keys(yaml):
            return re.findall(r"(?m)^ *([a-z0-9_]+):", yaml)

        self.assertEqual(sorted(keys(text)), sorted(keys(print_config())))


if __name__ == "__main__":
    unittest.main()
