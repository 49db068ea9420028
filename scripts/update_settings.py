"""Generate the reference of settings from the settings classes of the chassis.

The pieces of `.env.example` and docs/configuration.md list each variable with its default and
description. Run `make settings` after a change of a settings class; a test compares both.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SERVICE = ROOT / "<<cookiecutter.service_name>>"
SOURCE = SERVICE / "src/<<cookiecutter.__package>>"

# The settings classes of each piece, in the order of MODELS in settings.py.
PIECES = {
    "20-service": [
        "settings.ExtensionSettings",
        "inbound.ServerSettings",
        "inbound.LoadSheddingSettings",
        "inbound.LimitSettings",
        "auth.AuthSettings",
        "database.DatabaseSettings",
        "observability.ResourceSettings",
        "observability.LogSettings",
        "observability.TraceSettings",
    ],
    "30-mtls": ["mtls.MtlsSettings"],
    "40-consul": ["discovery.registry.consul.ConsulSettings"],
    "40-etcd": ["discovery.registry.etcd.EtcdSettings"],
    "41-registry": ["discovery.registry.address.AddressSettings"],
    "50-peers": ["peers.PeerCallSettings", "peers.TokenSettings"],
}
# Defaults that the service's settings.py sets; in production, the last three are required.
DEFAULTS = {
    "OTEL_SERVICE_NAME": "<< cookiecutter.service_name >>",
    "AUTH_AUDIENCE": "<< cookiecutter.service_name >>",
    "AUTH_ISSUER": "urn:development",
    "DATABASE_URL": "sqlite:///.dev/<< cookiecutter.service_name >>.db",
}
REQUIRED = {"AUTH_AUDIENCE", "AUTH_ISSUER", "DATABASE_URL"}
EXAMPLE_OF_A_PEER = """\
<% for peer in cookiecutter.depends_on | peers %>

# Fixed address of << peer.name >>, and the scopes of calls to it.
# << peer.variable >>_URL=
# << peer.variable >>_SCOPE=<< peer.path >>:read
<% endfor %>
"""
ROWS_OF_A_PEER = """\
<% for peer in cookiecutter.depends_on | peers %>
| `<< peer.variable >>_URL` | | Fixed address of << peer.name >>, in place of service discovery. |
| `<< peer.variable >>_SCOPE` | `<< peer.path >>:read` | Scopes of the tokens for calls to << peer.name >>. |
<% endfor %>
"""


def pieces() -> dict[Path, str]:
    """Return the generated pieces by their path."""
    found = {}
    for name, models in PIECES.items():
        blocks = [block_of(find(model)) for model in models]
        rows = "".join(row(*each) for model in models for each in variables(find(model)))
        example = "".join(f"\n{block}" for block in blocks)
        if name == "50-peers":
            example, rows = example + EXAMPLE_OF_A_PEER, rows + ROWS_OF_A_PEER
        found[SERVICE / ".env.example.d" / f"{name}.example"] = example
        found[SERVICE / "docs/configuration.md.d" / f"{name}.md"] = rows
    return found


def find(path: str) -> Any:
    """Import a settings class of the chassis."""
    module, _, name = path.rpartition(".")
    return getattr(__import__(f"chassis.{module}", fromlist=[name]), name)


def block_of(model: Any) -> str:
    """Return a block of `.env.example`: the summary of a model and its variables, commented out."""
    lines = [f"# {name}={default}" for name, default, _ in variables(model)]
    return "\n".join([f"# {model.__doc__.partition(chr(10))[0]}", *lines]) + "\n"


def row(name: str, default: str, meaning: str) -> str:
    """Return the table row of a variable."""
    value = f"`{default}`" if default else ""
    if name in REQUIRED:
        value = f"**required**; in development {value}"
    return f"| `{name}` | {value} | {meaning} |\n".replace("|  |", "| |")


def variables(model: Any) -> Iterator[tuple[str, str, str]]:
    """Yield name, default and description of each variable that a model itself declares."""
    for name in vars(model)["__annotations__"]:
        field = model.model_fields.get(name)
        if field is None or not field.alias:
            continue
        default = DEFAULTS.get(field.alias) or ("" if field.is_required() else field.default)
        if hasattr(default, "get_secret_value"):
            default = default.get_secret_value()
        text = str(default).lower() if isinstance(default, bool) else str(default or "")
        if default == 0 and not isinstance(default, bool):
            text = "0"
        yield field.alias, text, " ".join(field.description.split())


def main() -> None:
    """Write all pieces."""
    for path, text in pieces().items():
        path.write_text(text, "utf-8", newline="\n")


sys.path.insert(0, str(SOURCE))
if __name__ == "__main__":
    main()
