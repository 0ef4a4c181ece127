#!/usr/bin/env python3
"""The chart and the Kustomize tree as lists of objects.

    manifests.py render server|sensor     the chart's objects of one part, for the base
    manifests.py compare NAME [VALUES]    the chart with a values file beside an overlay
    manifests.py refusals                 what does not fit together fails with a sentence
    manifests.py types NAME...            a TypeScript source that types every object
    manifests.py boards                   a TypeScript source that types every dashboard
    manifests.py pod VALUES SECRETS       the server as podman can play it, and its probe
"""

import json
import pathlib
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = str(ROOT / "k8s/chart")
# Labels and annotations that only helm gives.
HELM_ONLY = ("helm.sh/chart", "app.kubernetes.io/managed-by", "checksum/config")

# What must fail, and a part of the sentence.
REFUSED = [
    (["server.replicas=2"], "server.replicas is 2: one server holds the table"),
    (["server.tls.secretName="], "server.tls.secretName is empty"),
    (["server.insecure=true"], "choose one"),
    (["server.config.listen=x"], "server.config.listen is set by the chart"),
    (["server.config.tls.cert=x"], "server.config.tls is set by the chart"),
    (["sensor.interface=any"], "a forwarded packet would be seen more than once"),
    (["sensor.tls.secretName="], "sensor.tls.secretName is empty but the server has TLS"),
    (["server.networkPolicy.sensorCidrs=null"], "would be locked out"),
    (["server.replica=1"], "Additional property replica is not allowed"),
    (["server.replicas=many"], "Expected: integer, given: string"),
    (["sensor.zone=-1"], "sensor.zone"),
    (["image.pullPolicy=Sometimes"], "image.pullPolicy"),
]


def helm(*arguments, check=True):
    done = subprocess.run(["helm", "template", "conntrack", CHART, "--namespace", "conntrack", "--kube-version",
                           "1.31.0", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        sys.exit(done.stderr)
    return done


def chart(values=None):
    return objects(helm(*(["--values", values] if values else [])).stdout)


def kustomize(directory):
    done = subprocess.run(["kubectl", "kustomize", str(ROOT / "k8s/kustomize" / directory)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return objects(done.stdout)


def objects(text):
    return [o for o in yaml.safe_load_all(text) if o]


def without_helm(value):
    """A copy without what only helm writes; an annotation map that is left empty goes too."""
    if isinstance(value, list):
        return [without_helm(v) for v in value]
    if not isinstance(value, dict):
        return value
    kept = {k: without_helm(v) for k, v in value.items() if k not in HELM_ONLY}
    return {k: v for k, v in kept.items() if not (k == "annotations" and not v)}


def comparable(found):
    """By kind and name. The namespace is an argument to helm and stands in Kustomize's objects."""
    by_name = {}
    for one in without_helm(found):
        one["metadata"].pop("namespace", None)
        for key, text in one.get("data", {}).items():
            one["data"][key] = text.strip()
        by_name[f"{one['kind']}/{one['metadata']['name']}"] = one
    return by_name


def render(part):
    print("# Rendered by scripts/render-manifests; change k8s/chart instead.")
    mine = [o for o in without_helm(chart()) if o["metadata"]["labels"]["app.kubernetes.io/component"] == part]
    mine.sort(key=lambda o: (o["kind"], o["metadata"]["name"]))
    print(yaml.safe_dump_all(mine, sort_keys=False, width=120), end="")


def compare(directory, values=None):
    one, other = comparable(chart(values)), comparable(kustomize(directory))
    wrong = sorted(set(one) ^ set(other)) + [k for k in one if k in other and one[k] != other[k]]
    for key in wrong:
        print(f"{directory}: {key} differs", file=sys.stderr)
        sides = [json.dumps(s.get(key), indent=1, sort_keys=True).split("\n") for s in (one, other)]
        import difflib
        print("\n".join(difflib.unified_diff(*sides, "helm", "kustomize", lineterm="", n=2)), file=sys.stderr)
    if wrong:
        sys.exit(1)
    print(f"{directory}: {len(one)} objects, the same from helm and kustomize")


def refusals():
    for settings, sentence in REFUSED:
        done = helm(*[a for s in settings for a in ("--set", s)], check=False)
        if done.returncode == 0 or sentence not in done.stderr:
            sys.exit(f"{settings} is not refused with \"{sentence}\": {done.stderr}")
    print(f"{len(REFUSED)} combinations are refused, each with a sentence")


MODULES = {"monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"}


def types(names):
    """Object literals, so that tsc refuses a field that a kind does not have; validated when run."""
    lines = []
    count = 0
    for name in names:
        values = ROOT / f"k8s/values/{name}.yaml"
        for one in chart(str(values) if values.exists() else None):
            module = MODULES.get(one["apiVersion"], f"kubernetes-models/{one['apiVersion']}")
            kind = one["kind"]
            # The model writes both itself.
            bare = {k: v for k, v in one.items() if k not in ("apiVersion", "kind")}
            lines.append(f"import {{ {kind} as Kind{count} }} from \"{module}/{kind}\";")
            lines.append(f"new Kind{count}({json.dumps(bare)}).validate();")
            count += 1
    lines.append(f"console.log(\"{count} objects have the types of their kinds\");")
    print("\n".join(sorted(lines, key=lambda line: not line.startswith("import"))))


PANELS = {"stat": "Stat", "timeseries": "TimeSeries", "table": "Table"}
BOARD_TYPES = """import type { Dashboard } from "@grafana/schema";
%s
// Members of enumerations as a file has them: by their texts.
type Written<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Written<T[K]> } : T;
""" % "\n".join(
    f'import type * as {name} from "@grafana/schema/dist/esm/raw/composable/{kind}/panelcfg/x/{name}PanelCfg_types.gen";'
    for kind, name in PANELS.items())


def boards():
    """Literals of each dashboard, and of the options and fields of each panel by its type: the type of
    a dashboard takes anything there."""
    lines = [BOARD_TYPES]

    def literal(kind, value):
        lines.append(f"export const value{len(lines)}: Written<{kind}> = {json.dumps(value)};")

    for path in sorted((ROOT / "k8s/monitoring/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        lines.append(f"// {path.stem}")
        literal("Dashboard", board)
        for panel in board["panels"]:
            lines.append(f"// {path.stem}: {panel['title']}")
            literal(f"Partial<{PANELS[panel['type']]}.Options>", panel["options"])
            if "custom" in panel["fieldConfig"]["defaults"]:
                literal(f"{PANELS[panel['type']]}.FieldConfig", panel["fieldConfig"]["defaults"]["custom"])
    print("\n".join(lines))


def pod(values, secrets):
    """podman plays pods and configuration maps; of a StatefulSet it takes the template.

    Writes pod.yaml and probe, a command for inside the container, below `secrets`, a directory
    whose directory server is what the Secret of the server holds.
    """
    found = comparable(chart(str(ROOT / f"k8s/values/{values}.yaml") if values != "default" else None))
    template = found["StatefulSet/conntrack-server"]["spec"]["template"]
    spec = template["spec"]
    container = spec["containers"][0]
    probe = container["readinessProbe"]
    # podman 4.3 plays no Secret and no gRPC probe, and runs no probe without systemd.
    for volume in spec["volumes"]:
        if volume.pop("secret", None):
            volume["hostPath"] = {"path": f"{secrets}/server", "type": "Directory"}
    for key in ("startupProbe", "readinessProbe", "livenessProbe"):
        del container[key]
    # No service accounts there, and the image of the test.
    del spec["serviceAccountName"]
    container["image"] = "localhost/conntrack-server:ci"
    one = {"apiVersion": "v1", "kind": "Pod", "spec": spec,
           "metadata": {"name": "conntrack-server-0", "labels": template["metadata"]["labels"]}}
    pathlib.Path(secrets, "pod.yaml").write_text(yaml.safe_dump_all([found["ConfigMap/conntrack-server"], one]))
    command = probe["exec"]["command"] if "exec" in probe else ["/usr/bin/conntrackctl", "health"]
    pathlib.Path(secrets, "probe").write_text("\n".join(command) + "\n")


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    {"render": render, "compare": compare, "refusals": refusals, "types": lambda *n: types(n), "boards": boards,
     "pod": pod}[verb](*rest)
