"""The command line of the fleet tool.

Exit status: 0 done, 1 refused (one line for each problem on standard error), 2 wrong usage.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from . import FleetError, __version__, chassis, workspace
from . import upgrade as upgrades
from .archive import PLACE

FOLDER = click.Path(file_okay=False, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
in_workspace = click.option(
    "--workspace",
    "folder",
    type=FOLDER,
    help="Folder with services.yaml (default: the nearest one around the service).",
)


class Aliases(click.Group):
    """A group in which `status` is another name of `list`."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name."""
        return super().get_command(ctx, "list" if cmd_name == "status" else cmd_name)


@click.group(cls=Aliases, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fleet")
def main() -> None:
    """Manage the services of a workspace: registration, ports, and what they share."""


@main.command()
@click.argument("path", type=FOLDER)
@in_workspace
@as_json
def register(path: Path, folder: Path | None, as_json: bool) -> None:
    """Register the service in PATH, or update its entries.

    Derives platform/ and everything else that the services share.
    """
    with _refusals():
        place = _workspace(path, folder)
        done = workspace.register(place, path.resolve())
    ports = ", ".join(f"{name} {number}" for name, number in done.ports.items())
    _report(done, f"{done.name} is registered in {place}: {ports or 'no ports'}", as_json)


@main.command()
@click.argument("path", type=FOLDER)
@in_workspace
@as_json
def unregister(path: Path, folder: Path | None, as_json: bool) -> None:
    """Remove the service in PATH from the workspace.

    With the last service, everything that registration created is removed.
    """
    with _refusals():
        place = _workspace(path, folder)
        done = workspace.unregister(place, path.resolve())
    _report(done, f"{done.name} is not registered in {place}", as_json)


@main.command("list")
@in_workspace
@as_json
def list_services(folder: Path | None, as_json: bool) -> None:
    """List the registered services (also: status)."""
    with _refusals():
        place = _here(folder)
        found = workspace.status(place)
        notes = list(workspace.notes(place))
    for note in notes:
        click.echo(f"fleet: {note}", err=True)
    if as_json:
        click.echo(json.dumps([asdict(service) for service in found], indent=2))
        return
    columns = ("service", "path", "owner", "ports", "calls", "template", "")
    rows = [
        (
            service.name,
            service.path,
            service.owner,
            " ".join(f"{name}:{number}" for name, number in service.ports.items()),
            " ".join(service.depends_on),
            service.version,
            "" if service.present else "missing",
        )
        for service in found
    ]
    if sys.stdout.isatty():
        table = Table(*columns)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    for row in rows:
        click.echo("\t".join(row).rstrip())


@main.command()
@click.argument("services", nargs=-1)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a service is behind.")
@click.option("--force", is_flag=True, help="Replace edited files, too.")
@in_workspace
@as_json
def upgrade(
    services: tuple[str, ...], check: bool, force: bool, folder: Path | None, as_json: bool
) -> None:
    """Upgrade the chassis of SERVICES (default: all) to the version of this tool.

    A service with an edited file in its chassis is not changed.
    """
    with _refusals():
        place = _here(folder)
        members = upgrades.chosen(place, services)
        run = upgrades.upgrade(place, members, chassis.brought(), check=check, force=force)
        console = Console(stderr=True)
        hidden = as_json or not console.is_terminal
        results = list(track(run, "Upgrading", len(members), console=console, disable=hidden))
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
    for result in results:
        if not as_json and not result.edited and not result.problem:
            files = f", {len(result.changed)} files" if result.changed else ""
            click.echo(f"{result.name}: {result.state}{files}")
        for path in result.edited:
            click.echo(f"{result.name}: {path} was edited; restore it, or use --force", err=True)
        if result.problem:
            click.echo(f"{result.name}: {result.problem}", err=True)
    if not all(result.succeeded for result in results):
        raise SystemExit(1)


def _workspace(path: Path, folder: Path | None) -> Path:
    """Return the workspace of a service: the given one, the nearest one, or its parent folder."""
    return folder.resolve() if folder else _nearest(path.resolve()) or path.resolve().parent


def _here(folder: Path | None) -> Path:
    """Return the given workspace, or the one around the working folder."""
    found = folder.resolve() if folder else _nearest(Path.cwd())
    if found is None or not found.is_dir():
        raise FleetError(f"no services.yaml in {folder or 'this folder'} or above; use --workspace")
    return found


def _nearest(path: Path) -> Path | None:
    """Return the nearest folder that has a registry, or a copy of this tool."""
    for folder in (path, *path.parents):
        if (folder / "services.yaml").exists() or (folder / PLACE).exists():
            return folder
    return None


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn a refusal into a line on standard error and exit status 1."""
    try:
        yield
    except (FleetError, OSError) as error:
        click.echo(f"fleet: {error}", err=True)
        raise SystemExit(1) from error


def _report(done: workspace.Registration, text: str, as_json: bool) -> None:
    data: dict[str, Any] = asdict(done)
    click.echo(json.dumps(data) if as_json else text)
    if not as_json:
        for note in done.notes:
            click.echo(f"fleet: {note}", err=True)
