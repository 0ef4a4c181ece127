"""The manual pages are good roff, and there is one for every verb and the other programs.

usage: pages_test.py CONNTRACKCTL PAGES_DIR...
Skips, with 77, when neither mandoc nor man is there to read them.
"""

import pathlib
import re
import shutil
import subprocess
import sys


def complaints(command):
    done = subprocess.run(command, text=True, capture_output=True, timeout=60)
    return done.stderr + (done.stdout if command[0] == "mandoc" else "")


def verbs(ctl, *path):
    """The paths of all verbs below one, from the help."""
    text = subprocess.run([ctl, *path, "--help"], text=True, capture_output=True, check=True, timeout=30).stdout
    listed = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, flags=re.M)
    for line in listed.group(1).splitlines() if listed else []:
        # A long description has lines of its own.
        if not line.startswith("   "):
            yield (*path, line.split()[0])
            yield from verbs(ctl, *path, line.split()[0])


def main():
    ctl, *folders = sys.argv[1:]
    readers = []
    if shutil.which("mandoc"):
        readers.append(lambda page: ["mandoc", "-Tlint", "-Wstyle", page])
    if shutil.which("man") and shutil.which("groff"):
        readers.append(lambda page: ["man", "--warnings", "-E", "UTF-8", "-P", "cat", "-l", page])
    if not readers:
        print("skipped: there is neither mandoc nor man; scripts/deps test installs one")
        return 77
    pages = [page for folder in folders for page in sorted(pathlib.Path(folder).glob("man?/*"))]
    wanted = {"conntrackctl.1", "conntrack-sensor.8", "conntrack-server.8", "conntrack-server.yaml.5"}
    wanted |= {"-".join(("conntrackctl", *path)) + ".1" for path in verbs(ctl)}
    assert wanted == {page.name for page in pages}, wanted.symmetric_difference({p.name for p in pages})
    assert len(wanted) > 10, wanted
    for page in pages:
        for reader in readers:
            said = complaints(reader(str(page)))
            assert not said, f"{reader('')[0]} of {page.name}:\n{said}"
    print(f"{len(pages)} pages, {len(readers)} readers, no complaint")
    return 0


sys.exit(main())
