"""A reflection client, which knows no proto file, lists the services and calls
ListConnections and CountConnections.

Exits with 77, and says why, where `buf` is not installed (.ci/run installs it).

usage: reflection_test.py BUILD_DIR CAPTURE BUF
"""

import json
import os
import subprocess
import sys

from chain import DEADLINE_SECONDS, Programs


def main():
    build, capture, buf = sys.argv[1:]
    if not os.path.exists(buf):
        print(f"skipped: no {buf}")
        sys.exit(77)

    def curl(programs, *arguments):
        done = subprocess.run([buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge",
                               *arguments], text=True, capture_output=True,
                              timeout=DEADLINE_SECONDS, cwd="/")
        assert done.returncode == 0, done.stderr
        return done.stdout

    with Programs(build) as programs:
        server = programs.start_server()
        code, summary = programs.sensor("--read", capture)
        assert code == 0, summary
        url = f"http://{programs.listen}"
        services = set(curl(programs, "--list-services", url).split())
        for name in ("IngestService", "ConnectionService", "WatchService", "AdminService"):
            assert f"conntrack.v1.{name}" in services, services
        service = f"{url}/conntrack.v1.ConnectionService"
        listed = json.loads(curl(programs, "-d", '{"filter": "protocol = TCP"}',
                                 f"{service}/ListConnections"))
        counted = json.loads(curl(programs, "-d", '{"filter": "protocol = TCP"}',
                                  f"{service}/CountConnections"))
        assert len(listed["connections"]) == int(counted["count"]) > 0, (listed, counted)
        programs.drain(server)


main()
