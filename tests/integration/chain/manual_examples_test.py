"""Every example of the manual pages, as whoever reads them types it.

usage: manual_examples_test.py BUILD_DIR TOUR_CAPTURE PAGES_DIR

Each page has a server of its own, into whose zone 1 the capture was replayed, and an
empty directory; its examples run there in order.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from chain import DEADLINE_SECONDS, Programs, wait_until

# Pages tried at a time: most of the time they wait.
WORKERS = 4


def plain(line):
    """A line of roff as it is printed."""
    return line.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\")


def examples(page):
    """(command, exit code, until interrupted) of each."""
    text = page.read_text(encoding="utf-8")
    section = re.search(r"^\.SH EXAMPLES\n(.*?)(?=^\.SH |\Z)", text, flags=re.M | re.S)
    assert section, f"{page.name} has no examples"
    found = re.findall(r'((?:^\.\\" [^\n]*\n)*)^\.EX\n(.*?)^\.EE\n', section.group(1), flags=re.M | re.S)
    assert found, f"{page.name} has no examples"
    for notes, command in found:
        code = re.search(r"exit (\d+)", notes)
        yield (plain(command).strip(), int(code.group(1)) if code else 0, "until interrupted" in notes)


def start(command, folder, programs, output):
    path = os.pathsep.join([os.path.dirname(os.path.abspath(programs.ctl_path)), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": folder, "LC_ALL": "C.UTF-8", "CONNTRACKCTL_SERVER": programs.listen}
    # In a group of its own, as in a shell: an interrupt reaches all of a pipe.
    process = subprocess.Popen(["bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment,
                               stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    programs.processes.append(process)
    return process


def feed_until_printed(process, output, command, programs, capture):
    """Replays the capture into one zone after another: whatever watches has begun by then."""
    zone = 1000

    def printed():
        nonlocal zone
        assert process.poll() is None, f"{command} ends by itself: {process.communicate()[1]}"
        if os.fstat(output.fileno()).st_size > 0:
            return True
        zone += 1
        code, summary = programs.sensor("--read", capture, "--zone", str(zone), "--sensor-id", f"more-{zone}")
        assert code == 0, summary
        return False

    wait_until(printed, f"{command} prints something")


def run(command, interrupted, folder, programs, capture):
    """The exit code and both outputs."""
    with tempfile.TemporaryFile(mode="w+", dir=folder) as output:
        process = start(command, folder, programs, output)
        if interrupted:
            feed_until_printed(process, output, command, programs, capture)
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
        output.seek(0)
        return process.returncode, output.read(), errors


def check(page, build, capture):
    count = 0
    with Programs(build) as programs, tempfile.TemporaryDirectory() as folder:
        programs.start_server()
        code, summary = programs.sensor("--read", capture, "--zone", "1")
        assert code == 0, summary
        for command, wanted, interrupted in examples(page):
            code, output, errors = run(command, interrupted, folder, programs, capture)
            assert code == wanted, f"{page.name}: {command}\nexits with {code}, not {wanted}\n{output}{errors}"
            # What fails says why; all else has something to show.
            assert errors if wanted else output.strip(), f"{page.name}: {command}\nprints nothing\n{errors}"
            count += 1
    return count


def main():
    build, capture, folder = sys.argv[1:]
    pages = sorted(pathlib.Path(folder).glob("*.1"))
    assert len(pages) > 10, f"{folder} has {len(pages)} pages"
    with ThreadPoolExecutor(WORKERS) as workers:
        counts = list(workers.map(lambda page: check(page, build, capture), pages))
    print(f"{sum(counts)} examples of {len(pages)} pages run as they say")


main()
