"""Evaluation of NetworkPolicies, as the API documents it.

Supported are podSelector, namespaceSelector, both together, ipBlock with except, ports by number
and protocol, and policyTypes; a pod that no policy selects for a direction is open in it. Label
selectors support matchLabels only, and ports no endPort: the evaluator raises an error for
everything else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Labels = Mapping[str, str]
Port = tuple[str, int]


@dataclass(frozen=True)
class Pod:
    """An end of a connection: a pod, or an address outside of the cluster."""

    name: str
    namespace: str = "shop"
    labels: Labels = field(default_factory=dict, hash=False)
    address: str | None = None


def allowed(policies: Iterable[Mapping[str, Any]], source: Pod, target: Pod, port: Port) -> bool:
    """Return whether policies allow a connection, at its source and its target."""
    policies = list(policies)
    return _passes(policies, "Egress", source, target, port) and _passes(
        policies, "Ingress", target, source, port
    )


def _passes(
    policies: Iterable[Mapping[str, Any]], direction: str, subject: Pod, other: Pod, port: Port
) -> bool:
    selecting = [
        policy["spec"]
        for policy in policies
        if direction in policy["spec"]["policyTypes"]
        and policy["metadata"].get("namespace", "shop") == subject.namespace
        and subject.address is None
        and _selects(policy["spec"]["podSelector"], subject.labels)
    ]
    rules, ends = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return not selecting or any(
        _is_one_of(rule.get(ends), other, subject.namespace) and _is_open(rule.get("ports"), port)
        for spec in selecting
        for rule in spec.get(rules) or []
    )


def _is_one_of(peers: Iterable[Mapping[str, Any]] | None, pod: Pod, namespace: str) -> bool:
    return not peers or any(_is(peer, pod, namespace) for peer in peers)


def _is(peer: Mapping[str, Any], pod: Pod, namespace: str) -> bool:
    _known(peer, {"podSelector", "namespaceSelector", "ipBlock"})
    if block := peer.get("ipBlock"):
        return pod.address is not None and _contains(block, pod.address)
    if pod.address is not None:
        return False
    if "namespaceSelector" in peer:
        labels = {"kubernetes.io/metadata.name": pod.namespace}
        if not _selects(peer["namespaceSelector"], labels):
            return False
    elif pod.namespace != namespace:
        return False
    return _selects(peer.get("podSelector", {}), pod.labels)


def _contains(block: Mapping[str, Any], address: str) -> bool:
    _known(block, {"cidr", "except"})
    ip = ip_address(address)
    return ip in ip_network(block["cidr"]) and not any(
        ip in ip_network(cidr) for cidr in block.get("except", [])
    )


def _selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    _known(selector, {"matchLabels"})
    return dict(selector.get("matchLabels", {})).items() <= dict(labels).items()


def _is_open(ports: Iterable[Mapping[str, Any]] | None, port: Port) -> bool:
    if not ports:
        return True
    for one in ports:
        _known(one, {"protocol", "port"})
        if isinstance(one.get("port"), str):
            raise NotImplementedError(f"a port by its name: {one}")
    return any((one.get("protocol", "TCP"), one.get("port", port[1])) == port for one in ports)


def _known(given: Mapping[str, Any], names: set[str]) -> None:
    if unknown := set(given) - names:
        raise NotImplementedError(f"not evaluated: {sorted(unknown)}")
