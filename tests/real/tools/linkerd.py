"""What Linkerd's controller would say to its policies.

No package of the registries that tools come from has Linkerd's own definitions. So these schemas are
written from its reference (https://linkerd.io/2/reference/authorization-policy/), for the fields that
the chart uses; they refuse every other one.
"""

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from .helm import Object

GROUP = "policy.linkerd.io"

Schema = dict[str, Any]


def _object(required: str = "", **properties: Schema) -> Schema:
    """An object with these fields, and no other."""
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


def problems(objects: Iterable[Object]) -> list[str]:
    """Say what Linkerd would not take, one line each."""
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
