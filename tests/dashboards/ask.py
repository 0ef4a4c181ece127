#!/usr/bin/env python3
"""Asks every expression of every panel of the Prometheus whose data record.py kept.

Writes DIRECTORY/boards.json: each dashboard, and for each panel and target the series that
Prometheus answers. Ends with 1 when a target has none. Needs a network namespace of its own:
Prometheus takes its usual port.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/containers"))

from deployment import MONITORING, wait_for  # noqa: E402
from prometheus import Prometheus, plain  # noqa: E402

# What docker/grafana says of its source: an interval of 5 s, so that Grafana's
# $__rate_interval is 20 s and its step, at this width, 5 s.
STEP = 5
RATE_INTERVAL = "20s"


def answers(prometheus, panel, window):
    """The series of each target; of a table, as they are at the end."""
    for target in panel["targets"]:
        expression = plain(target["expr"], RATE_INTERVAL)
        if target.get("instant"):
            yield [{"metric": s["metric"], "values": [s["value"]]} for s in prometheus.query(expression, window["end"])]
        else:
            yield prometheus.query_range(expression, window["begin"], window["end"], STEP)


def main():
    directory = pathlib.Path(sys.argv[1])
    window = json.loads((directory / "window.json").read_text())
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={config.name}", f"--storage.tsdb.path={directory / 'prometheus'}",
             "--web.listen-address=127.0.0.1:9090"], stderr=subprocess.DEVNULL)
        try:
            prometheus = Prometheus("127.0.0.1")
            wait_for("Prometheus", lambda: prometheus.query("vector(1)"))
            boards = {}
            empty = []
            for path in sorted((MONITORING / "dashboards").glob("*.json")):
                board = json.loads(path.read_text())
                series = {p["id"]: list(answers(prometheus, p, window)) for p in board["panels"]}
                empty += [f"{path.stem}: {p['title']} {p['targets'][i]['refId']}" for p in board["panels"]
                          for i, found in enumerate(series[p["id"]]) if not found]
                boards[path.stem] = {"board": board, "series": series}
        finally:
            process.terminate()
            process.wait()
    (directory / "boards.json").write_text(json.dumps({**window, "step": STEP, "boards": boards}))
    if empty:
        raise SystemExit("FAILED: no series: " + "; ".join(empty))
    panels = sum(len(b["series"]) for b in boards.values())
    targets = sum(len(p) for b in boards.values() for p in b["series"].values())
    print(f"{len(boards)} dashboards, {panels} panels, {targets} expressions: each has series")


if __name__ == "__main__":
    main()
