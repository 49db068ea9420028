"""Who may call a view: the marks that the guard reads. A view without a mark is denied."""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Let everybody call this view, without a token."""
    vars(view)["public"] = True
    return view


def requires(*scopes: str) -> Callable[[View], View]:
    """Let those call this view whose token grants all of `scopes`."""

    def mark(view: View) -> View:
        vars(view)["scopes"] = frozenset(scopes)
        return view

    return mark
