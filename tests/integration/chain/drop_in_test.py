"""conntrackctl in place of conntrack(8): each command against a real server that
replayed a capture. How the output looks beside the original's, on more protocols,
is shown by tests/conntrack-tools, which needs root.

usage: drop_in_test.py BUILD_DIR CAPTURE
"""

import os
import signal
import subprocess
import sys
import tempfile

from chain import Programs, wait_until

TCP = "-p tcp -s 198.51.100.1 -d 198.51.100.2 --sport 1 --dport 2"


class DropIn:
    def __init__(self, programs, folder):
        self.path = os.path.join(folder, "conntrack")
        os.symlink(os.path.abspath(programs.ctl_path), self.path)
        self.environment = {**os.environ, "CONNTRACKCTL_SERVER": programs.listen}

    def __call__(self, line, code=0, complaint=None, given=None):
        """Runs a command line; returns the lines it printed."""
        done = subprocess.run([self.path, *line.split()], env=self.environment, text=True,
                              capture_output=True, timeout=30, input=given)
        assert done.returncode == code, f"{line}: {done.returncode}, {done.stderr}"
        if complaint is not None:
            assert complaint in done.stderr, f"{line}: {done.stderr!r} has no {complaint!r}"
        return done.stdout.splitlines()


def listings(conntrack):
    count = int(conntrack("-C")[0])
    assert count > 5
    lines = conntrack("-L", complaint=f"{count} flow entries have been shown.\n")
    assert len(lines) == count
    assert conntrack("-L -o extended -f ipv4") == ["ipv4     2 " + line for line in lines
                                                   if ":" not in line]
    assert conntrack("-L -p tcp") == [line for line in lines if line.startswith("tcp      6 ")]
    xml = conntrack("-L -o xml")
    assert xml[1] == "<conntrack>" and xml[-1] == "</conntrack>" and len(xml) == count + 3
    assert conntrack("-S")[0].startswith("cpu=0   \tfound=0 invalid=")


def changes(conntrack):
    create = f"-I {TCP} -t 600 --state ESTABLISHED -u SEEN_REPLY,ASSURED"
    conntrack(create, complaint="1 flow entries have been created.")
    conntrack(create, 1, "Operation failed: Such conntrack exists, try -U to update")
    conntrack(create.replace("-I", "-A"), complaint="0 flow entries have been added.")
    found, = conntrack(f"-G {TCP}", complaint="1 flow entries have been shown.")
    assert found.endswith("[ASSURED] mark=0 use=2"), found
    changed, = conntrack(f"-U {TCP} -m 0x12/0xff", complaint="1 flow entries have been updated.")
    assert changed.endswith("mark=18 use=2"), changed
    conntrack(f"-U {TCP} -m 18", 1, "0 flow entries have been updated.")
    conntrack(f"-U {TCP} -u ASSURED", 1, "Operation failed: status, state and tags come from")
    gone, = conntrack(f"-D {TCP} -o save", complaint="1 flow entries have been deleted.")
    assert gone.startswith("-D -t ") and gone.endswith("--state ESTABLISHED"), gone
    conntrack(f"-D {TCP}", 1, "0 flow entries have been deleted.")
    conntrack(f"-G {TCP}", 1, "Operation failed: such conntrack doesn't exist")


def saved_and_loaded(conntrack, folder):
    """What -o save writes, -R reads; only counters and ids are lost."""
    saved = conntrack("-L -o save")
    conntrack("-F", complaint="connection tracking table has been emptied.")
    assert conntrack("-L", complaint="0 flow entries have been shown.") == []
    with open(os.path.join(folder, "saved"), "w") as out:
        out.write("# all of them\n\n" + "\n".join(saved) + "\n")
    assert conntrack(f"-R {out.name}") == []
    # Some seconds may have passed in zones on the server's clock.
    def without_timeout(lines):
        return sorted(" ".join(line.split()[:1] + line.split()[3:]) for line in lines)
    assert without_timeout(conntrack("-L -o save")) == without_timeout(saved)
    conntrack("-R -", 2, "(-, line 2)", given="-F\n-L -X\n")
    assert conntrack("-C") == [str(len(saved))], "a mistake in a file changes nothing"


def events(conntrack, programs, folder):
    with open(os.path.join(folder, "events"), "w+") as out:
        follower = programs.start([conntrack.path, "-E", "-e", "NEW,DESTROY", "-p", "tcp"],
                                  env=conntrack.environment, stdout=out, stderr=subprocess.PIPE)
        wait_until(lambda: programs.ctl_lines("stats")[0].get("watchers", 0) > 0, "it listens")
        conntrack(f"-I {TCP} -t 600 --state SYN_SENT")
        conntrack(f"-U {TCP} -m 1")
        conntrack(f"-D {TCP}")
        wait_until(lambda: "DESTROY" in open(out.name).read(), "the event of the end")
        follower.send_signal(signal.SIGINT)
        _, complaint = follower.communicate(timeout=30)
        assert follower.returncode == 0
        assert "2 flow events have been shown." in complaint, complaint
        out.seek(0)
        begin, end = out.read().splitlines()
    assert begin == ("    [NEW] tcp      6 600 SYN_SENT src=198.51.100.1 dst=198.51.100.2 sport=1 "
                     "dport=2 [UNREPLIED] src=198.51.100.2 dst=198.51.100.1 sport=2 dport=1 mark=0 "
                     "[USERSPACE] portid=0"), begin
    assert end.startswith("[DESTROY] tcp      6 ") and end.endswith("mark=1 [USERSPACE] portid=0"), end


def what_makes_no_sense(conntrack):
    conntrack("-L expect", 1, "Operation failed: a server that only watches has no helpers")
    conntrack("-L dying", 1, "Operation failed: a server that only watches holds no packets")
    conntrack("-L -z", 1, "Operation failed: counters cannot be set to 0")
    conntrack("-I -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 9 -n 192.0.2.3", 1,
              "Operation failed: address translation is not tracked")
    assert conntrack("-L -n", complaint="0 flow entries have been shown.") == []
    conntrack("-L -X", 2, "unknown option `-X'\nTry `conntrack -h' or 'conntrack --help'")


def main():
    build, capture = sys.argv[1:]
    with Programs(build) as programs, tempfile.TemporaryDirectory() as folder:
        programs.start_server()
        code, _ = programs.sensor("--read", capture)
        assert code == 0
        conntrack = DropIn(programs, folder)
        listings(conntrack)
        changes(conntrack)
        saved_and_loaded(conntrack, folder)
        events(conntrack, programs, folder)
        what_makes_no_sense(conntrack)
        # The verb is the same without the link, among the options of conntrackctl.
        same = programs.ctl("conntrack", "-C").stdout.splitlines()
        assert same == conntrack("-C"), same
        nobody = subprocess.run([conntrack.path, "-L"], text=True, capture_output=True,
                                env={**os.environ, "CONNTRACKCTL_SERVER": "127.0.0.1:1"})
        assert nobody.returncode == 1 and "Operation failed: cannot reach" in nobody.stderr, nobody
    print("ok")


main()
