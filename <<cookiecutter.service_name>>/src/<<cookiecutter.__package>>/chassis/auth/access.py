"""Access rules for views: public, or by rule; denied by default.

The guard reads marks and rules; the service's policy is the table of rules.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from flask import Flask, current_app

View = TypeVar("View", bound=Callable[..., Any])


class Anyone:
    """Every client."""

    def __contains__(self, name: object) -> bool:
        """Return true: every client is included."""
        return True


ANYONE = Anyone()


@dataclass(frozen=True, slots=True)
class Rule:
    """The scope that a token has to grant, and the clients that may present it."""

    scope: str
    callers: Set[str] | Anyone = ANYONE

    def __post_init__(self) -> None:
        """Reject a string: each of its substrings would be a caller."""
        if isinstance(self.callers, str):
            raise TypeError(f'Callers are a set: {{"{self.callers}"}}')


Policy = Mapping[str, Mapping[str, Rule]]


def public(view: View) -> View:
    """Mark a view as callable without a token."""
    vars(view)["public"] = True
    return view


def is_public(app: Flask, endpoint: str | None) -> bool:
    """Return whether the view is callable without a token."""
    return getattr(app.view_functions.get(endpoint or ""), "public", False)


def use_policy(app: Flask, policy: Policy) -> None:
    """Install the rules, blueprint -> view -> rule; `flask policy` lists them."""
    app.extensions["policy"] = {
        f"{blueprint}.{view}": rule
        for blueprint, rules in policy.items()
        for view, rule in rules.items()
    }
    app.cli.command("policy")(_list)


def rules(app: Flask) -> Mapping[str, Rule]:
    """Return the rules by endpoint."""
    found: Mapping[str, Rule] = app.extensions.get("policy", {})
    return found


def _list() -> None:
    """List the routes and their access rules."""
    for route in current_app.url_map.iter_rules():
        methods = ",".join(sorted((route.methods or set()) - {"HEAD", "OPTIONS"}))
        click.echo(f"{methods:7} {route.rule:50} {_who(route.endpoint)}")


def _who(endpoint: str) -> str:
    if is_public(current_app, endpoint):
        return "public"
    rule = rules(current_app).get(endpoint)
    if rule is None:
        return "denied"
    who = "any" if isinstance(rule.callers, Anyone) else ", ".join(sorted(rule.callers)) or "none"
    return f"{rule.scope} from {who}"
