"""Every example of the manual pages, as whoever reads them types it.

usage: manual_examples_test.py BUILD_DIR TOUR_CAPTURE PAGES_DIR...

Each page has a server of its own, into whose zone 1 the capture was replayed, and a
directory with the capture as traffic.pcap and traffic.pcap.gz and nothing else; its
examples run there in order. What a page of section 5 shows is a file that the server
takes.
"""

import gzip
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
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


def text_of(file):
    file.seek(0)
    return file.read()


def start(command, folder, programs, output, errors):
    places = [os.path.dirname(os.path.abspath(path))
              for path in (programs.ctl_path, programs.sensor_path, programs.server_path)]
    environment = {"PATH": os.pathsep.join([*places, os.environ["PATH"]]), "HOME": folder, "LC_ALL": "C.UTF-8",
                   "CONNTRACKCTL_SERVER": programs.listen, "CONNTRACK_SENSOR_SERVER": programs.listen}
    # In a group of its own, as in a shell: an interrupt reaches all of a pipe.
    process = subprocess.Popen(["bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment,
                               stdin=subprocess.DEVNULL, stdout=output, stderr=errors, text=True,
                               start_new_session=True)
    programs.processes.append(process)
    return process


def feed_until_printed(process, outputs, command, programs, capture):
    """Replays the capture into one zone after another: whatever watches has begun by then."""
    zone = 1000

    def printed():
        nonlocal zone
        assert process.poll() is None, f"{command} ends by itself: {text_of(outputs[1])}"
        if any(os.fstat(output.fileno()).st_size > 0 for output in outputs):
            return True
        zone += 1
        code, summary = programs.sensor("--read", capture, "--zone", str(zone), "--sensor-id", f"more-{zone}")
        assert code == 0, summary
        return False

    wait_until(printed, f"{command} prints something")


def run(command, interrupted, folder, programs, capture):
    """The exit code and both outputs."""
    with (tempfile.TemporaryFile(mode="w+", dir=folder) as output,
          tempfile.TemporaryFile(mode="w+", dir=folder) as errors):
        process = start(command, folder, programs, output, errors)
        if interrupted:
            feed_until_printed(process, (output, errors), command, programs, capture)
            os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=DEADLINE_SECONDS)
        return process.returncode, text_of(output), text_of(errors)


def check_files(page, build):
    """How many files the page shows; the server takes each."""
    shown = re.findall(r"^\.EX\n(.*?)^\.EE\n", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert shown, f"{page.name} shows no file"
    for text in shown:
        with tempfile.NamedTemporaryFile(mode="w", suffix=".yaml") as file:
            file.write(textwrap.dedent(plain(text)))
            file.flush()
            done = subprocess.run([Programs(build).server_path, "--config", file.name, "--print-config"], env={},
                                  text=True, capture_output=True, timeout=DEADLINE_SECONDS)
            assert done.returncode == 0, f"{page.name}: {text}{done.stderr}"
    return len(shown)


def check(page, build, capture):
    if page.suffix == ".5":
        return check_files(page, build)
    count = 0
    with Programs(build) as programs, tempfile.TemporaryDirectory() as folder:
        shutil.copy(capture, os.path.join(folder, "traffic.pcap"))
        with gzip.open(os.path.join(folder, "traffic.pcap.gz"), "wb") as packed:
            packed.write(pathlib.Path(capture).read_bytes())
        programs.start_server()
        code, summary = programs.sensor("--read", capture, "--zone", "1")
        assert code == 0, summary
        for command, wanted, interrupted in examples(page):
            code, output, errors = run(command, interrupted, folder, programs, capture)
            assert code == wanted, f"{page.name}: {command}\nexits with {code}, not {wanted}\n{output}{errors}"
            # What fails says why; all else has something to show.
            # The server has its log alone.
            shown = errors if wanted else output.strip() or (interrupted and errors)
            assert shown, f"{page.name}: {command}\nprints nothing\n{errors}"
            count += 1
    return count


def main():
    build, capture, *folders = sys.argv[1:]
    pages = [page for folder in folders for page in sorted(pathlib.Path(folder).glob("*.?"))]
    assert len(pages) > 10, f"{folders} have {len(pages)} pages"
    with ThreadPoolExecutor(WORKERS) as workers:
        counts = list(workers.map(lambda page: check(page, build, capture), pages))
    print(f"{sum(counts)} examples of {len(pages)} pages run as they say")


main()
