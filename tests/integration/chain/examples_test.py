"""Runs every command of docs/examples.md against a server that replayed a capture, and compares
what it answers with what stands there.

Ids, tokens and places in streams are masked: they differ from run to run. With --write the page
gets today's answers instead. Exits with 77, and says why, where grpcurl is not installed
(scripts/test-examples installs it).

usage: examples_test.py BUILD_DIR CAPTURE PAGE GRPCURL [--write]
"""

import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from chain import DEADLINE_SECONDS, Programs

DIFFERENT_EACH_TIME = {"id", "slot", "sequence", "epoch", "resume_token"}
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def complete(command):
    """Whether bash would run it, not ask for more lines."""
    checked = subprocess.run(["bash", "-n"], input=command, text=True, capture_output=True)
    return checked.returncode == 0 and not checked.stderr and not command.endswith("\\\n")


def commands(block):
    """Pairs of a command and the answer below it."""
    found = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ ") and (not found or complete(found[-1][0])):
            found.append([line[2:], ""])
        elif not complete(found[-1][0]):
            found[-1][0] += line
        else:
            found[-1][1] += line
    return found


def masked(value):
    if isinstance(value, list):
        return [masked(v) for v in value]
    if isinstance(value, dict):
        return {k: "different each time" if k in DIFFERENT_EACH_TIME else masked(v) for k, v in value.items()}
    return value


def comparable(answer):
    """The lines of an answer; of JSON, those of its masked values."""
    rest, lines = answer.strip(), []
    while rest.startswith("{"):
        try:
            value, end = json.JSONDecoder().raw_decode(rest)
        except json.JSONDecodeError:
            break
        lines += json.dumps(masked(value), indent=1).split("\n")
        rest = rest[end:].lstrip()
    return lines + rest.split("\n")


def run(command, environment, directory):
    done = subprocess.run(["bash", "-c", command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=DEADLINE_SECONDS, env=environment, cwd=directory)
    # grpcurl describes without a newline at the end.
    return done.stdout.rstrip("\n") + "\n"


def main():
    build, capture, page, grpcurl, *write = sys.argv[1:]
    for tool in (grpcurl, "jq"):
        if not shutil.which(tool):
            print(f"skipped: no {tool}")
            sys.exit(77)
    text = pathlib.Path(page).read_text()
    with Programs(build) as programs, tempfile.TemporaryDirectory() as directory:
        server = programs.start_server()
        code, summary = programs.sensor("--read", capture, "--zone", "1", "--sensor-id", "tour")
        assert code == 0, summary
        environment = {**os.environ, "SERVER": programs.listen,
                       "PATH": os.path.dirname(os.path.abspath(grpcurl)) + ":" + os.environ["PATH"]}
        wrong = []
        count = 0

        def answered(block):
            nonlocal count
            parts = []
            for command, expected in commands(block.group(1)):
                answer = run(command, environment, directory)
                wrong.extend(difflib.unified_diff(comparable(expected), comparable(answer), command, "now", lineterm=""))
                parts.append(f"$ {command}{answer}")
                count += 1
            return "```console\n" + "".join(parts) + "```"

        today = BLOCK.sub(answered, text)
        programs.drain(server)
    assert count > 15, count
    if write:
        pathlib.Path(page).write_text(today)
    elif wrong:
        print("\n".join(wrong))
        sys.exit("the server answers otherwise than docs/examples.md says: see above, and scripts/test-examples --write")
    print(f"{count} examples {'written' if write else 'as they stand there'}")


main()
