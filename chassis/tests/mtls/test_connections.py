from collections.abc import Iterator
from pathlib import Path

import pytest
from urllib3 import PoolManager
from urllib3.exceptions import SSLError

from chassis.mtls import MtlsSettings, peer_endpoint
from chassis.mtls import certificates as reloading
from chassis.mtls.development import Authority
from chassis.peers.connections import PlaintextPools, Pools
from chassis.peers.connections.mtls import pools as pools_of
from support.app import SERVICE, read
from support.certificates import Certificates, free_port, opened


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    monkeypatch.setattr(reloading, "LOOK_AGAIN_SECONDS", 0)
    monkeypatch.setattr(reloading, "SETTLE_SECONDS", 0)
    return Certificates(tmp_path)


@pytest.fixture
def port(environ: dict[str, str], certificates: Certificates) -> Iterator[int]:
    """Return the port where the application serves, as a peer."""
    port = free_port()
    with opened(environ | certificates.environ(port)):
        yield port


@pytest.fixture
def pools(environ: dict[str, str], certificates: Certificates) -> Pools:
    return pools_of(read(environ | certificates.environ(), MtlsSettings), 4)


def status(pool: PoolManager, port: int) -> int:
    return pool.request("GET", f"https://127.0.0.1:{port}/health/live", retries=False).status


def test_without_files_calls_are_plain(environ: dict[str, str]) -> None:
    settings = read(environ, MtlsSettings)

    assert isinstance(pools_of(settings, 4), PlaintextPools)
    assert peer_endpoint(settings) == ("http", 8000)


def test_with_files_peers_are_called_over_https(
    environ: dict[str, str], certificates: Certificates
) -> None:
    settings = read(environ | certificates.environ(), MtlsSettings)

    assert peer_endpoint(settings) == ("https", 8443)


def test_a_peer_is_known_by_its_name(pools: Pools, port: int) -> None:
    assert status(pools.pool(SERVICE), port) == 200


def test_another_service_is_not_the_peer(pools: Pools, port: int) -> None:
    with pytest.raises(SSLError, match=f"not of not-{SERVICE}"):
        status(pools.pool(f"not-{SERVICE}"), port)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        (f"spiffe://elsewhere/{SERVICE}", "not of"),
        ("https://web.test", "not the SPIFFE ID"),
    ],
)
def test_a_certificate_of_our_authority_is_not_enough(
    pools: Pools, certificates: Certificates, port: int, uri: str, problem: str
) -> None:
    certificates.issue(SERVICE, uri)

    with pytest.raises(SSLError, match=problem):
        status(pools.pool(SERVICE), port)


def test_plain_http_is_refused(pools: Pools, port: int) -> None:
    with pytest.raises(SSLError, match="peers are called over HTTPS only"):
        pools.pool(SERVICE).request("GET", f"http://127.0.0.1:{port}/", retries=False)


def test_a_certificate_of_another_authority_is_rejected(
    pools: Pools, certificates: Certificates, port: int
) -> None:
    certificates.authority = Authority()
    certificates.issue(SERVICE)

    with pytest.raises(SSLError, match="certificate verify failed"):
        status(pools.pool(SERVICE), port)


def test_new_files_are_for_new_connections(pools: Pools, certificates: Certificates, port: int) -> None:
    before = pools.pool(SERVICE)
    assert pools.pool(SERVICE) is before
    certificates.replace_authority()

    after = pools.pool(SERVICE)
    assert after is not before
    assert status(after, port) == 200
