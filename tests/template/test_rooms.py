"""A room that was not chosen leaves nothing behind, and the core is independent of rooms."""

import re
from pathlib import Path

import pytest

from tests.support.rendering import ROOMS, SERVICE, files, unchosen
from tests.template.conftest import Rendering

# Words that identify a room in a path or a text.
WORDS = {
    "postgresql": re.compile(r"postgres|psycopg|\bpg_", re.IGNORECASE),
    "mysql": re.compile(r"mysql|mariadb", re.IGNORECASE),
    "peers": re.compile(
        r"PEER_|PeerCallSettings|chassis[./]peers|docs/peers|HttpClient|TokenSettings|"
        r"AUTH_TOKEN_PAR|resilien|breaker|tenacity"
    ),
    "resolution": re.compile(r"\bResolver\b|discovery[/.]resolution"),
    "dns": re.compile(r"NoRegistration|DnsResolver|(registration|resolution)([/.]| import )dns"),
    "registry": re.compile(r"discovery[/.]registry\b|Heartbeat|Registrar\b|ADVERTISE_"),
    "consul": re.compile(r"consul(?!t)", re.IGNORECASE),
    "etcd": re.compile(r"etcd", re.IGNORECASE),
    "mtls": re.compile(r"\bTLS_[A-Z]|cheroot|spiffe|client_certificate|mtls\b(?!:)", re.IGNORECASE),
    "plaintext": re.compile(r"chassis[./]plaintext|plaintext as|connections[/.]plaintext"),
    "cleartext": re.compile(r"cleartext", re.IGNORECASE),
    "istio": re.compile(r"istio", re.IGNORECASE),
    "linkerd": re.compile(r"linkerd", re.IGNORECASE),
    "helm": re.compile(r"helm|kubernetes|kubectl|\bk8s\b", re.IGNORECASE),
    "swarm": re.compile(r"swarm|docker stack", re.IGNORECASE),
    "embedded": re.compile(r"(stack|migrate)-embedded|DATABASE_URL: sqlite:"),
    "remote": re.compile(r"(stack|migrate)-remote|DATABASE_URL_SECRET|REPLICAS|orders-migration"),
    "rolling": re.compile(r"deployment-rolling"),
    "canary": re.compile(r"canary", re.IGNORECASE),
    "blue_green": re.compile(r"blue.?green", re.IGNORECASE),
    "analysis": re.compile(r"argo|AnalysisTemplate"),
    "github": re.compile(r"github", re.IGNORECASE),
    "gitlab": re.compile(r"gitlab", re.IGNORECASE),
}

# Files that are the same in all services of one name: Python, except composition roots and rooms.
CORE = re.compile(r"(src|tests|migrations)/(?!orders/(bootstrap|settings)\.py).*\.py")


def test_every_room_has_its_words() -> None:
    assert set(WORDS) == set(ROOMS)


def test_room_not_chosen_leaves_no_file_and_no_mention(rendering: Rendering) -> None:
    texts = rendering.files()
    for room in unchosen(**rendering.answers):
        traces = {
            f"{name}: {line.strip()}"
            for name, text in texts.items()
            for line in [name, *text.splitlines()]
            if WORDS[room].search(line)
        }
        assert traces == set(), f"a service without {room}"


def test_chosen_room_is_there(rendering: Rendering) -> None:
    there, gone = set(rendering.files()), unchosen(**rendering.answers)
    for path in furniture():
        if not any(of_room(path, room) for room in gone):
            assert rendered_as(path) in there


def furniture() -> list[Path]:
    """Return the files of rooms that are rendered unchanged, for the default names."""
    return [
        path
        for file in files(SERVICE)
        if any(of_room(path := file.relative_to(SERVICE), room) for room in ROOMS)
        and not any(part.endswith(".d") for part in path.parts)
        and file.stem != "each_peer"
    ]


def rendered_as(path: Path) -> str:
    """Return the path of a file in the service of the default names."""
    names = {"service_name": "orders", "__package": "orders", "__plural": "orders"}
    return re.sub(r"<<cookiecutter\.(\w+)>>", lambda found: names[found[1]], path.as_posix())


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_files(room: str) -> None:
    assert [file for file in files(SERVICE) if of_room(file.relative_to(SERVICE), room)]


def test_no_empty_folder(rendering: Rendering) -> None:
    folders = [path for path in rendering.folder.rglob("*") if path.is_dir()]

    assert [folder for folder in folders if not any(folder.iterdir())] == []


def test_core_is_the_same_in_every_combination(rendering: Rendering, defaults: Rendering) -> None:
    ours, theirs = core(rendering), core(defaults)

    assert set(ours) == set(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def core(rendering: Rendering) -> dict[str, str]:
    """Return the files that only the names change."""
    return {
        name: text
        for name, text in rendering.files().items()
        if CORE.fullmatch(name) and not any(of_room(Path(name), room) for room in ROOMS)
    }


def test_core_has_all_layers(defaults: Rendering) -> None:
    names = " ".join(core(defaults))

    for layer in ("domain", "use_cases", "api", "adapters", "commands", "chassis"):
        assert f"src/orders/{layer}/" in names


@pytest.mark.parametrize("room", ROOMS)
def test_few_shared_files_know_a_room(room: str) -> None:
    knowing = [
        file.name
        for file in files(SERVICE)
        if not any(of_room(file.relative_to(SERVICE), each) for each in ROOMS)
        and WORDS[room].search(file.read_text("utf-8"))
    ]

    assert len(knowing) <= 3, knowing


def of_room(path: Path, room: str) -> bool:
    """Return whether a path contains the room's name as a word."""
    words = ("_" + re.sub(r"[\W_]+", "_", part.lower()) + "_" for part in path.parts)
    return any(f"_{room}_" in each for each in words)
