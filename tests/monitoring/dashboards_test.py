#!/usr/bin/env python3
"""Dashboards and rules name metrics that exist, alerts have runbooks, panels do not overlap."""

import json
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1))
MONITORING = ROOT / "k8s/monitoring"
# Names of Prometheus itself, and of labels that stand where metrics may.
SYNTHETIC = {"up"}


def dashboards():
    return {p.name: json.loads(p.read_text()) for p in sorted(MONITORING.glob("dashboards/*.json"))}


def expressions():
    """Pairs of place and PromQL, of every panel, rule and alert."""
    found = [(f"{name}: {panel['title']}", target["expr"]) for name, board in dashboards().items()
             for panel in board["panels"] for target in panel["targets"]]
    rules = (MONITORING / "rules.yaml").read_text()
    for match in re.finditer(r"^  - .*?(?=^  - |^- |\Z)", rules, re.M | re.S):
        expr = re.search(r"expr: (?:\|\n((?:      .*\n)+)|\"(.*)\")", match.group(0))
        found.append((match.group(0).strip().split("\n")[0], expr.group(1) or expr.group(2).replace('\\"', '"')))
    return found


def exported():
    """Names that the server's sources export, and that the rules record."""
    sources = "".join(p.read_text() for p in (ROOT / "server").glob("*metrics.cc"))
    names = set(re.findall(r'"((?:conntrack|grpc_server|process)_\w+)"', sources))
    names |= {name + suffix for name in names for suffix in ("_bucket", "_sum", "_count")}
    return names | set(re.findall(r'record: "(.*)"', (MONITORING / "rules.yaml").read_text())) | SYNTHETIC


class DashboardsTest(unittest.TestCase):
    def test_every_metric_exists(self):
        known = exported()
        found = 0
        for place, expr in expressions():
            bare = re.sub(r'"[^"]*"', "", expr)
            for name in re.findall(r"\b(?:\w+:)*(?:conntrack|grpc_server|process)_\w+(?::\w+)*|\bup\b", bare):
                self.assertIn(name, known, place)
                found += 1
        self.assertGreater(found, 60)

    def test_every_alert_has_a_runbook_and_every_runbook_an_alert(self):
        alerts = set(re.findall(r'alert: "(.*)"', (MONITORING / "rules.yaml").read_text()))
        pages = {p.stem for p in (ROOT / "docs/runbooks").glob("*.md")}
        self.assertEqual(alerts, pages)
        self.assertGreaterEqual(len(alerts), 8)

    def test_every_alert_has_a_test_in_which_it_fires(self):
        alerts = set(re.findall(r'alert: "(.*)"', (MONITORING / "rules.yaml").read_text()))
        tests = (ROOT / "tests/monitoring/alerts_test.yaml").read_text()
        fires = set(re.findall(r'ALERTS\{alertname="(\w+)",alertstate="firing"', tests))
        fires |= set(re.findall(r"alertname: (\w+)\n", tests))
        self.assertEqual(alerts - fires, set())

    def test_panels_fill_the_grid_without_overlap(self):
        for name, board in dashboards().items():
            taken = set()
            for panel in board["panels"]:
                at = panel["gridPos"]
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
                self.assertLessEqual(at["x"] + at["w"], 24, f"{name}: {panel['title']}")
                self.assertEqual(cells & taken, set(), f"{name}: {panel['title']}")
                taken |= cells
            self.assertEqual(len({p["id"] for p in board["panels"]}), len(board["panels"]), name)


if __name__ == "__main__":
    unittest.main()
