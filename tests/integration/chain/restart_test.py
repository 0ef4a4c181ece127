"""The server is killed in the middle of a replay and started again: the sensor
reconnects, its summary accounts for every packet, and the ledger adds up.

usage: restart_test.py BUILD_DIR CAPTURE   (a capture of some seconds)
"""

import json
import signal
import sys

from chain import Programs, wait_until


def sensor_row(programs):
    rows = programs.ctl_lines("sensors")
    return rows[0] if rows else None


def number(row, *path):
    for key in path:
        row = row.get(key, {})
    return int(row or 0)


def main():
    build, capture = sys.argv[1:]
    with Programs(build) as programs:
        first = programs.start_server()
        sensor = programs.start_sensor("--read", capture, "--speed", "recorded",
                                       "--batch-packets", "8")
        wait_until(lambda: number(sensor_row(programs) or {}, "appliedPackets") >= 50,
                   "some packets arrive before the kill")
        before = number(sensor_row(programs), "appliedPackets")
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert sensor.poll() is None, "the replay was over before the kill"
        second = programs.start_server()
        out, err = sensor.communicate(timeout=60)
        assert sensor.returncode == 0, f"exit code {sensor.returncode}: {err}"
        row = sensor_row(programs)
        print(out, row, sep="\n")
        summary = json.loads(out)
        assert summary["connects"] >= 2, "the sensor did not reconnect"
        decoded = int(summary["decoded_packets"])
        assert decoded == int(summary["acknowledged_packets"]), "not every packet was acknowledged"
        # The new server knows what the old one had acknowledged, and applied the rest.
        applied = number(row, "appliedPackets")
        earlier = number(row, "earlierPackets")
        assert earlier <= decoded and applied + earlier == decoded, (
            f"{applied} applied and {earlier} earlier of {decoded}")
        assert applied > 0 and before > 0
        captured = number(row, "counts", "capturedPackets")
        filtered = number(row, "counts", "filteredPackets")
        dropped = (number(row, "counts", "kernelDroppedPackets")
                   + number(row, "counts", "bufferDroppedPackets"))
        assert captured == applied + earlier + filtered + dropped, f"the ledger: {row}"
        programs.drain(second)


main()
