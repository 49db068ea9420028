"""Upgrade the chassis of registered services to the version of this tool."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from . import FleetError, __version__
from .chassis import LOCK, Chassis, Lock, read_lock
from .files import Changes, check_plain, locked, read, sweep_below, write
from .infrastructure import order
from .registry import Member, Registry


@dataclass(frozen=True)
class Upgrade:
    """The result for one service."""

    name: str
    state: str  # current, upgraded, outdated, edited, newer or failed
    changed: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def succeeded(self) -> bool:
        """Return whether the service has the right chassis now."""
        return self.state in {"current", "upgraded", "newer"}


def chosen(workspace: Path, names: Iterable[str]) -> list[Member]:
    """Return the registered services of these names, all of them if there are none."""
    registry = Registry(workspace / "services.yaml", read(workspace / "services.yaml"))
    for name in names:
        if name not in registry.members:
            raise FleetError(f"{workspace / 'services.yaml'}: {name} is not registered")
    wanted = set(names) or registry.members.keys()
    return [member for name, member in sorted(registry.members.items()) if name in wanted]


def upgrade(
    workspace: Path, members: Iterable[Member], chassis: Chassis, *, check: bool, force: bool
) -> Iterator[Upgrade]:
    """Upgrade services one after the other; one that fails stops no other."""
    for member in members:
        try:
            with locked(workspace):
                yield _upgraded(workspace, member, chassis, check=check, force=force)
        except (FleetError, OSError) as error:
            yield Upgrade(member.name, "failed", problem=str(error))


def _upgraded(
    workspace: Path, member: Member, chassis: Chassis, *, check: bool, force: bool
) -> Upgrade:
    root = workspace / member.path
    check_plain(root / LOCK, workspace)
    lock = read_lock(root / LOCK)
    if order(lock.version) > order(__version__):
        return Upgrade(member.name, "newer")
    folder = _folder(lock, member)
    sweep_below(root / folder)
    files = {f"{folder}/{path}": it for path, it in chassis.chosen(set(lock.parts)).items()}
    edited = [path for path in {*lock.digests, *files} if _is_edited(root, path, lock, files)]
    if edited and not force:
        return Upgrade(member.name, "edited", edited=sorted(edited))
    digests = {path: sha256(content).hexdigest() for path, content in files.items()}
    changes: Changes = {root / path: None for path in lock.digests}
    changes |= {root / path: content for path, content in files.items()}
    if (new := Lock(__version__, lock.parts, digests)) != lock:
        changes[root / LOCK] = new.text()
    changed = [path for path, content in changes.items() if read(path) != content]
    names = sorted(path.relative_to(root).as_posix() for path in changed)
    if not changed:
        return Upgrade(member.name, "current")
    if check:
        return Upgrade(member.name, "outdated", names)
    write(changes, workspace)
    return Upgrade(member.name, "upgraded", names)


def _folder(lock: Lock, member: Member) -> str:
    """Return the chassis folder of a service; its lock may name files in no other."""
    folder = f"src/{member.name.replace('-', '_')}/chassis"
    for path in lock.digests:
        if not path.startswith(f"{folder}/"):
            raise FleetError(f"{member.path}/{LOCK}: {path} is not in {folder}; restore it")
    return folder


def _is_edited(root: Path, path: str, lock: Lock, files: dict[str, bytes]) -> bool:
    """Return whether a file differs from the lock and from the new content."""
    content = read(root / path)
    if content == files.get(path):
        return False
    known = lock.digests.get(path)
    return known != (None if content is None else sha256(content).hexdigest())
