"""What a test asks Prometheus and Alertmanager, and the expressions it asks."""

import json
import pathlib
import re
import urllib.error
import urllib.parse
import urllib.request

import yaml


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


class Prometheus:
    def __init__(self, address):
        self.base = f"http://{address}:9090/api/v1"

    def query(self, expression, at=None):
        """The samples of an instant query; RuntimeError when it is no PromQL."""
        return self.ask("query", query=expression, **({"time": at} if at else {}))

    def query_range(self, expression, begin, end, step):
        """The series of a query at begin, begin + step and so on; RuntimeError as above."""
        return self.ask("query_range", query=expression, start=begin, end=end, step=step)

    def ask(self, what, **arguments):
        try:
            return get(f"{self.base}/{what}?{urllib.parse.urlencode(arguments)}")["data"]["result"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{arguments['query']}: {error.read().decode()}") from error

    def value(self, expression):
        samples = self.query(expression)
        return float(samples[0]["value"][1]) if samples else None


def alerts(address):
    """Names of the alerts that are active in an Alertmanager."""
    return {a["labels"]["alertname"] for a in get(f"http://{address}:9093/api/v2/alerts?active=true")}


def expressions(monitoring):
    """Place and PromQL of every panel of every dashboard and of every rule."""
    monitoring = pathlib.Path(monitoring)
    found = {}
    for path in sorted(monitoring.glob("dashboards/*.json")):
        board = json.loads(path.read_text())
        for variable in board["templating"]["list"]:
            if variable["type"] != "query":
                continue
            # label_values(SELECTOR, LABEL): the selector must find something.
            selector = re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"]).group(1)
            found[f"{path.stem}: variable {variable['name']}"] = plain(selector)
        for panel in board["panels"]:
            for target in panel["targets"]:
                found[f"{path.stem}: {panel['title']} {target['refId']}"] = plain(target["expr"])
    for group in yaml.safe_load((monitoring / "rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            kind = "alert" if "alert" in rule else "rule"
            found[f"{kind}: {rule.get('alert') or rule['record']}"] = rule["expr"]
    return found


def plain(expression, rate_interval="1m"):
    """As Grafana would send it, with all values of all variables chosen."""
    expression = expression.replace("$__rate_interval", rate_interval)
    return re.sub(r"\$(instance|zone|sensor|service)\b", ".*", expression)
