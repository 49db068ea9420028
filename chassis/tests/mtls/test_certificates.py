import ssl
import time
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock, PropertyMock

import pytest
from cryptography import x509

from chassis.mtls import MtlsSettings, endpoint, spiffe
from chassis.mtls import certificates as reloading
from chassis.mtls.development import Authority
from chassis.settings import SettingsError
from support.app import LIVE, SERVICE, read
from support.certificates import Certificates, Client, free_port, opened


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for new files at every connection, without waiting for writers to finish."""
    monkeypatch.setattr(reloading, "LOOK_AGAIN_SECONDS", 0)
    monkeypatch.setattr(reloading, "SETTLE_SECONDS", 0)


@pytest.mark.parametrize(
    ("uri", "service"),
    [
        ("spiffe://test/checkout", "checkout"),
        ("spiffe://shop.example.com/ns/shop/sa/checkout", "checkout"),
        ("spiffe://test", None),
        ("spiffe://test/", None),
        ("spiffe://test/shop//checkout", None),
        ("spiffe://test/../checkout", None),
        ("spiffe://test/checkout/", None),
        ("spiffe://Test/checkout", None),
        ("spiffe://test:1/checkout", None),
        ("spiffe://me@test/checkout", None),
        ("spiffe://test/checkout?a", None),
        ("spiffe://test/check%6fut", None),
        ("spiffe://test/" + "a" * 2048, None),
        ("https://test/checkout", None),
    ],
)
def test_a_name_is_the_last_part_of_a_spiffe_id(uri: str, service: str | None) -> None:
    if service:
        assert spiffe.parse(uri).service == service
    else:
        with pytest.raises(spiffe.NotSpiffe):
            spiffe.parse(uri)


def test_the_certificate_of_an_authority_is_rejected() -> None:
    with pytest.raises(spiffe.NotSpiffe, match="authority"):
        spiffe.read(Authority().certificate)


def test_unreadable_names_are_rejected() -> None:
    certificate = Mock()
    unreadable = x509.UnsupportedGeneralNameType("x400Address", 3)
    type(certificate).extensions = PropertyMock(side_effect=unreadable)

    with pytest.raises(spiffe.NotSpiffe, match="x400Address"):
        spiffe.read(certificate)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"TLS_KEY_FILE": ""}, "TLS_KEY_FILE: missing"),
        ({"TLS_KEY_FILE": "", "TLS_CERT_FILE": ""}, "TLS_CERT_FILE, TLS_KEY_FILE: missing"),
        ({"TLS_CLIENT_CA_FILE": "no/ca.pem"}, "No such file or directory: 'no/ca.pem'"),
        ({"TLS_KEY_FILE": "web-key.pem"}, "mismatch"),
        ({"TLS_CERT_FILE": "expired.pem", "TLS_KEY_FILE": "expired-key.pem"}, "not valid now"),
        ({"TLS_CERT_FILE": "web.pem", "TLS_KEY_FILE": "web-key.pem"}, "TLS_TRUST_DOMAIN: missing"),
        ({"TLS_TRUST_DOMAIN": "Shop"}, "TLS_TRUST_DOMAIN: "),
        ({"TLS_PORT": "8000"}, "TLS_PORT: equals PORT"),
    ],
)
def test_wrong_settings_are_named(
    environ: dict[str, str],
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    problem: str,
) -> None:
    certificates.issue("web", "https://web.test")
    certificates.issue("expired", lifetime=timedelta(days=-1))
    monkeypatch.chdir(certificates.folder)

    with pytest.raises(SettingsError) as caught:
        endpoint(read(environ | certificates.environ() | change, MtlsSettings))

    (line,) = caught.value.problems
    assert line.startswith("TLS_")
    assert problem in line


@pytest.mark.usefixtures("at_once")
def test_new_files_are_for_new_connections(environ: dict[str, str], certificates: Certificates) -> None:
    port = free_port()
    checkout = certificates.context("checkout")
    with opened(environ | certificates.environ(port)), Client(port, checkout) as kept:
        assert kept.ask(LIVE).status == 200
        certificates.replace_authority()
        certificates.issue("newcomer")

        for name in ("checkout", "newcomer"):
            with Client(port, certificates.context(name)) as client:
                assert client.ask(LIVE).status == 200
                assert client.shown() != kept.shown()
        assert kept.ask(LIVE).status == 200


@pytest.mark.usefixtures("at_once")
def test_unusable_files_change_nothing(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    given = certificates.files
    context = reloading.ReloadingContext(given, ssl.PROTOCOL_TLS_SERVER)
    before = context.current()

    given.certificate.write_bytes(given.certificate.read_bytes()[:300])
    assert [context.current() for _ in range(3)] == [before] * 3
    given.key.unlink()
    assert [context.current() for _ in range(3)] == [before] * 3
    assert [record.message.partition(",")[0] for record in caplog.records] == [
        "The new TLS files are unusable",
        "The new TLS files are unusable",
    ]

    certificates.issue(SERVICE)
    assert context.current() is not before


@pytest.mark.usefixtures("at_once")
def test_a_process_with_an_expired_certificate_is_not_ready(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = reloading.ReloadingContext(certificates.files, ssl.PROTOCOL_TLS_SERVER)
    context.check()

    tomorrow = time.time() + 24 * 3600 + 1
    monkeypatch.setattr("time.time", lambda: tomorrow)
    with pytest.raises(reloading.Expired):
        context.check()
    certificates.issue(SERVICE, lifetime=timedelta(days=3))
    context.check()


@pytest.mark.usefixtures("at_once")
def test_a_link_to_another_folder_is_a_change(tmp_path: Path) -> None:
    """A mounted Secret changes like this."""
    data = tmp_path / "data"
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        Certificates(tmp_path / version)
    data.symlink_to("1")
    context = reloading.ReloadingContext(Certificates(data).files, ssl.PROTOCOL_TLS_CLIENT)
    before = context.current()

    (tmp_path / "new").symlink_to("2")
    (tmp_path / "new").rename(data)

    assert context.current() is not before


def test_writers_are_given_time(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "LOOK_AGAIN_SECONDS", 0)
    context = reloading.ReloadingContext(certificates.files, ssl.PROTOCOL_TLS_CLIENT)
    before = context.current()

    certificates.issue(SERVICE)
    assert context.current() is before
    later = time.time() + reloading.SETTLE_SECONDS
    monkeypatch.setattr("time.time", lambda: later)
    assert context.current() is not before
