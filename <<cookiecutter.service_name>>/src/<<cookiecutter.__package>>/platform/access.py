"""Who may call a view: everybody, if it is marked `public`, or whom its rule names. Else nobody.

The guard reads the marks and the rules; `api/policy.py` is the table of the rules.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from flask import Flask, current_app

View = TypeVar("View", bound=Callable[..., Any])


class Anyone:
    """Callers of any name."""

    def __contains__(self, name: object) -> bool:
        """Tell that this one is among them."""
        return True


ANYONE = Anyone()


@dataclass(frozen=True, slots=True)
class Rule:
    """The scope that a token has to grant, and the clients that may come with it."""

    scope: str
    callers: Set[str] | Anyone = ANYONE

    def __post_init__(self) -> None:
        """Refuse a lone name: every part of it would be a caller, too."""
        if isinstance(self.callers, str):
            raise TypeError(f'Callers are a set: {{"{self.callers}"}}')


Policy = Mapping[str, Mapping[str, Rule]]


def public(view: View) -> View:
    """Let everybody call this view, without a token."""
    vars(view)["public"] = True
    return view


def is_public(app: Flask, endpoint: str | None) -> bool:
    """Tell whether everybody may call this view."""
    return getattr(app.view_functions.get(endpoint or ""), "public", False)


def install(app: Flask, policy: Policy) -> None:
    """Let these rules hold: blueprint -> view -> rule. `flask policy` lists them."""
    app.extensions["policy"] = {
        f"{blueprint}.{view}": rule
        for blueprint, rules in policy.items()
        for view, rule in rules.items()
    }
    app.cli.command("policy")(_list)


def rules(app: Flask) -> Mapping[str, Rule]:
    """Give the rules of all views that have one, by their endpoint."""
    found: Mapping[str, Rule] = app.extensions.get("policy", {})
    return found


def _list() -> None:
    """List who may call what."""
    for route in current_app.url_map.iter_rules():
        methods = ",".join(sorted((route.methods or set()) - {"HEAD", "OPTIONS"}))
        click.echo(f"{methods:7} {route.rule:50} {_who(route.endpoint)}")


def _who(endpoint: str) -> str:
    if is_public(current_app, endpoint):
        return "everybody"
    rule = rules(current_app).get(endpoint)
    if rule is None:
        return "nobody"
    who = "any" if isinstance(rule.callers, Anyone) else ", ".join(sorted(rule.callers)) or "none"
    return f"{rule.scope} from {who}"
