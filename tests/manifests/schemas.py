#!/usr/bin/env python3
"""The strict schemas of Kubernetes' kinds, as kubeconform reads them.

    schemas.py SWAGGER CRDS DIRECTORY

SWAGGER is api/openapi-spec/swagger.json of the module k8s.io/kubernetes; CRDS is a
directory of CustomResourceDefinitions as NAME-crd.json. Writes DIRECTORY/kind-group-version.json
for each kind, in lower case. Strict: an object that lists its properties has no others.
"""

import json
import pathlib
import re
import sys

METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
# What the API server takes, and the published schema calls a string.
WIDER = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
}


def strict(schema):
    """A copy in which every object with properties has no others."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    copy = {key: strict(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        copy.setdefault("additionalProperties", False)
    return copy


def reachable(schema, definitions, found):
    """Adds to `found` the definitions that `schema` refers to, directly or not."""
    for name in re.findall(r'"#/definitions/([^"]+)"', json.dumps(schema)):
        if name not in found:
            found[name] = definitions[name]
            reachable(definitions[name], definitions, found)
    return found


def main():
    swagger, crds, directory = (pathlib.Path(a) for a in sys.argv[1:])
    directory.mkdir(parents=True, exist_ok=True)
    definitions = {name: WIDER.get(name) or strict(schema)
                   for name, schema in json.loads(swagger.read_text())["definitions"].items()}
    # Kind, group and version, and what they must look like.
    kinds = [(kind["kind"], kind["group"], kind["version"], schema) for schema in definitions.values()
             for kind in schema.get("x-kubernetes-group-version-kind", [])]
    for path in sorted(crds.glob("*-crd.json")):
        spec = json.loads(path.read_text())["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"$ref": f"#/definitions/{METADATA}"}
            kinds.append((spec["names"]["kind"], spec["group"], version["name"], schema))
    for kind, group, version, schema in kinds:
        # kubeconform knows a group by its first label.
        name = "-".join(filter(None, [kind, group.split(".")[0], version])).lower()
        whole = {**schema, "definitions": reachable(schema, definitions, {})}
        (directory / f"{name}.json").write_text(json.dumps(whole))
    print(f"{len(kinds)} kinds have strict schemas")


if __name__ == "__main__":
    main()
