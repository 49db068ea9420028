"""The chart of a rendered service, and values that it must refuse."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Values = dict[str, Any]

ENVIRONMENTS = ("development", "staging", "production")

# The problem, the values, and what the message must name.
REFUSED: list[tuple[str, Values, str]] = [
    ("an unknown name", {"replica": 2}, "replica"),
    ("an unknown name below", {"image": {"name": "orders"}}, "name"),
    ("no replica", {"replicas": 0}, "replicas"),
    ("replicas as a word", {"replicas": "two"}, "replicas"),
    (
        "a tag in the repository",
        {"image": {"repository": "r.example.com/orders:1@x"}},
        "repository",
    ),
    ("a tag that moves", {"image": {"tag": "latest"}}, "a tag that never moves"),
    ("a digest cut short", {"image": {"digest": "sha256:abc"}}, "digest"),
    ("a pull policy that there isn't", {"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ("more than all of a CPU", {"autoscaling": {"cpuUtilization": 120}}, "cpuUtilization"),
    ("no memory limit", {"resources": {"limits": {"memory": None}}}, "memory"),
    ("memory without its unit", {"resources": {"limits": {"memory": "512"}}}, "memory"),
    ("a password in the open", {"config": {"DATABASE_PASSWORD": "x"}}, "secret.name"),
    ("a database's address in the open", {"config": {"DATABASE_URL": "mysql://u:p@h/d"}}, "sqlite"),
    ("a number that Helm would spoil", {"config": {"MAX_BODY_BYTES": 1048576}}, "MAX_BODY_BYTES"),
    ("no variable's name", {"config": {"log-level": "INFO"}}, "log-level"),
    ("no issuer", {"config": {"AUTH_ISSUER": None}}, "AUTH_ISSUER"),
    ("development's issuer", {"config": {"AUTH_ISSUER": "urn:development"}}, "your identity"),
    ("keys that anybody can change", {"config": {"AUTH_JWKS_URL": "http://id/keys"}}, "AUTH_JWKS"),
    ("no time to drain", {"config": {"SHUTDOWN_DRAIN_SECONDS": None}}, "SHUTDOWN_DRAIN_SECONDS"),
    ("another port than peers expect", {"ports": {"http": 8080}}, "http"),
    ("no service's name", {"dependsOn": ["Inventory"]}, "dependsOn"),
    ("a peer twice", {"dependsOn": ["inventory", "inventory"]}, "dependsOn"),
    ("any source as the gateway", {"networkPolicy": {"gateway": {"from": []}}}, "from"),
    ("an empty peer", {"networkPolicy": {"prometheus": {"from": [{}]}}}, "from"),
    ("no way to names", {"networkPolicy": {"dns": None}}, "dns"),
    ("more than /api outside", {"route": {"paths": ["/metrics"]}}, "paths"),
    ("a path like /api", {"route": {"paths": ["/apis"]}}, "paths"),
    ("no host", {"route": {"hostnames": []}}, "hostnames"),
    ("nowhere to take secrets from", {"secret": {"external": {"refreshInterval": "1h"}}}, "store"),
    ("no Secret", {"secret": {"name": ""}}, "secret"),
    ("no way to the database", {"networkPolicy": {"database": None}}, "database"),
    ("mutual TLS that it does not do", {"tls": {"enabled": True}}, "tls"),
]
# The same for a service on SQLite.
REFUSED_WITH_A_FILE: list[tuple[str, Values, str]] = [
    ("two on one file", {"replicas": 2}, "replicas"),
    ("scaling on one file", {"autoscaling": {"enabled": True}}, "enabled"),
    ("no size", {"volume": {"size": None}}, "size"),
    ("a size without its unit", {"volume": {"size": "10"}}, "size"),
]
# The same for a service that terminates mutual TLS itself.
REFUSED_WITH_MTLS: list[tuple[str, Values, str]] = [
    ("no mutual TLS at all", {"tls": None}, "tls"),
    ("no Secret of certificates", {"tls": {"enabled": True, "secretName": ""}}, "secretName"),
    ("no issuer of certificates", {"tls": {"certificate": {"duration": "24h"}}}, "issuerRef"),
]
# The same for a service in a mesh.
REFUSED_IN_A_MESH: list[tuple[str, Values, str]] = [
    ("any caller", {"callers": ["*"]}, "callers"),
    ("a caller twice", {"callers": ["checkout", "checkout"]}, "callers"),
    ("a caller by its address", {"callers": ["http://checkout:8000"]}, "callers"),
]


def chart(service: Path) -> Path:
    """Return the folder of a service's chart."""
    return service / "deploy" / "helm" / service.name


def merged(values: Values, over: Mapping[str, Any]) -> Values:
    """Return values merged as Helm does: maps are merged, null removes a key."""
    result = dict(values)
    for name, value in over.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


def values(chart: Path, environment: str | None = None) -> Values:
    """Return a chart's values, with those of an environment merged in."""
    own: Values = yaml.safe_load((chart / "values.yaml").read_text("utf-8"))
    if environment is None:
        return own
    over = yaml.safe_load((chart / f"values-{environment}.yaml").read_text("utf-8"))
    return merged(own, over or {})
