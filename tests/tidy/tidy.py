#!/usr/bin/env python3
"""Checks the rules of the house over the whole tree.

    tests/tidy/tidy.py [root]

Prints every finding as path:line: what is wrong, and exits 1 when there is one.
"""

import pathlib
import sys

import rules
import tree


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    whole = tree.load(root)
    if not whole.matching(r"CMakeLists\.txt"):
        print(f"{root} is not the root of the project", file=sys.stderr)
        return 2
    count = 0
    for rule in rules.RULES:
        for finding in rule(whole):
            print(f"{finding}  [{rule.__name__}]")
            count += 1
    for path, lines in rules.long_files(whole):
        print(f"note: {path} has {lines} lines; can it be two files?")
    print(f"{len(whole.files)} files, {len(rules.RULES)} rules, {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
