"""Validation of Linkerd's policies.

No package registry has Linkerd's definitions, so these schemas are written from its reference
(https://linkerd.io/2/reference/authorization-policy/), for the fields that the chart uses; they
reject other fields.
"""

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from .helm import Object

GROUP = "policy.linkerd.io"

Schema = dict[str, Any]


def _object(required: str = "", **properties: Schema) -> Schema:
    """Return the schema of an object with exactly these fields."""
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$"}


NAME = _text(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
REFERENCE = _object(
    "kind name",
    group=_text(r"[a-z0-9.]*"),
    kind=_text(r"[A-Z][A-Za-z]*"),
    name=NAME,
    namespace=NAME,
)
MATCH = _object(
    method={"enum": ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]},
    path=_object(
        "value", type={"enum": ["Exact", "PathPrefix", "RegularExpression"]}, value=_text("/.*")
    ),
)
SPECS: dict[tuple[str, str], Schema] = {
    ("v1beta3", "Server"): _object(
        "podSelector port",
        podSelector=_object(matchLabels={"type": "object"}),
        port={"type": ["integer", "string"]},
        proxyProtocol={
            "enum": ["unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"],
        },
        accessPolicy={
            "enum": [
                *("deny", "audit", "all-authenticated", "all-unauthenticated"),
                *("cluster-authenticated", "cluster-unauthenticated"),
            ],
        },
    ),
    ("v1beta3", "HTTPRoute"): _object(
        "parentRefs rules",
        parentRefs=_list(REFERENCE),
        rules=_list(_object("matches", matches=_list(MATCH))),
    ),
    ("v1alpha1", "AuthorizationPolicy"): _object(
        "targetRef requiredAuthenticationRefs",
        targetRef=REFERENCE,
        requiredAuthenticationRefs=_list(REFERENCE),
    ),
    ("v1alpha1", "MeshTLSAuthentication"): _object(
        "identities",
        identities=_list(
            _text(r"(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
        ),
    ),
    ("v1alpha1", "NetworkAuthentication"): _object(
        "networks", networks=_list(_object("cidr", cidr=_text("[0-9a-f.:]+/[0-9]+")))
    ),
}


def definitions() -> list[Object]:
    """Return the definitions of these kinds for an API server."""
    return [_definition(kind, version, spec) for (version, kind), spec in SPECS.items()]


def _definition(kind: str, version: str, spec: Schema) -> Object:
    singular = kind.lower()
    plural = f"{singular.removesuffix('y')}ies" if singular.endswith("y") else f"{singular}s"
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": _structural(spec)}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": singular},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def _structural(schema: Schema) -> Schema:
    """Return a structural schema, in which the server itself rejects unknown fields."""
    if schema.get("type") == ["integer", "string"]:
        return {"x-kubernetes-int-or-string": True}
    if schema == {"type": "object"}:
        return {**schema, "additionalProperties": {"type": "string"}}
    if "enum" in schema:
        return {"type": "string", **schema}
    result = {name: value for name, value in schema.items() if name != "additionalProperties"}
    if "properties" in schema:
        result["properties"] = {
            name: _structural(value) for name, value in schema["properties"].items()
        }
    if "items" in schema:
        result["items"] = _structural(schema["items"])
    return result


def problems(objects: Iterable[Object]) -> list[str]:
    """Return the problems of Linkerd's objects, one line each."""
    found = []
    for it in objects:
        where = f"{it['kind']} {it['metadata']['name']}"
        spec = SPECS.get((it["apiVersion"].partition("/")[2], it["kind"]))
        if spec is None:
            found.append(f"{where}: there is no such kind")
            continue
        for error in Draft202012Validator(spec).iter_errors(it["spec"]):
            path = ".".join(map(str, error.absolute_path))
            found.append(f"{where}: spec.{path}: {error.message}")
    return found
