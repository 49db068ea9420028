import ssl
import time
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock, PropertyMock

import pytest
from cryptography import x509
from dev_tls import Authority

from << cookiecutter.__package >>.bootstrap import read_settings
from << cookiecutter.__package >>.platform import tls
from << cookiecutter.__package >>.platform.environ import SettingsError
from << cookiecutter.__package >>.platform.tls import files, spiffe

from .tls import SERVICE, Certificates, Client, free_port, opened

LIVE = "/health/live"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for new files whenever there is a connection, and let nobody finish writing."""
    monkeypatch.setattr(files, "LOOK_AGAIN_SECONDS", 0)
    monkeypatch.setattr(files, "SETTLE_SECONDS", 0)


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


def test_every_variable_is_documented() -> None:
    variables = {field.alias or "" for field in tls.Settings.model_fields.values()}
    own = {name for name in variables if name.startswith("TLS_")}
    documented = (Path(__file__).parents[2] / "docs" / "tls.md").read_text("utf-8")

    assert {name for name in own if f"`{name}`" not in documented} == set()


def test_an_authority_is_no_service() -> None:
    with pytest.raises(spiffe.NotSpiffe, match="authority"):
        spiffe.read(Authority().certificate)


def test_names_that_nobody_can_read_are_none() -> None:
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
        ({"TLS_PORT": "8000"}, "TLS_PORT: is PORT"),
    ],
)
def test_what_is_wrong_is_named(
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
        read_settings(environ | certificates.environ() | change)

    (line,) = caught.value.problems
    assert line.startswith("TLS_")
    assert problem in line


@pytest.mark.usefixtures("at_once")
def test_new_files_are_for_new_connections(
    environ: dict[str, str], certificates: Certificates
) -> None:
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
def test_what_cant_be_used_changes_nothing(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    given = certificates.files
    followed = files.Followed(given, ssl.PROTOCOL_TLS_SERVER)
    before = followed.context()

    given.certificate.write_bytes(given.certificate.read_bytes()[:300])
    assert [followed.context() for _ in range(3)] == [before] * 3
    given.key.unlink()
    assert [followed.context() for _ in range(3)] == [before] * 3
    assert [record.message.partition(",")[0] for record in caplog.records] == [
        "The new TLS files can't be used",
        "The new TLS files can't be used",
    ]

    certificates.issue(SERVICE)
    assert followed.context() is not before


@pytest.mark.usefixtures("at_once")
def test_who_has_an_expired_certificate_is_not_ready(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = files.Followed(certificates.files, ssl.PROTOCOL_TLS_SERVER)
    followed.check()

    tomorrow = time.time() + 24 * 3600 + 1
    monkeypatch.setattr("time.time", lambda: tomorrow)
    with pytest.raises(files.Expired):
        followed.check()
    certificates.issue(SERVICE, lifetime=timedelta(days=3))
    followed.check()


@pytest.mark.usefixtures("at_once")
def test_a_link_that_leads_elsewhere_is_a_change(tmp_path: Path) -> None:
    """This is how a Secret that is mounted changes."""
    data = tmp_path / "data"
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        Certificates(tmp_path / version)
    data.symlink_to("1")
    followed = files.Followed(Certificates(data).files, ssl.PROTOCOL_TLS_CLIENT)
    before = followed.context()

    (tmp_path / "new").symlink_to("2")
    (tmp_path / "new").rename(data)

    assert followed.context() is not before


def test_writers_are_given_time(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOOK_AGAIN_SECONDS", 0)
    followed = files.Followed(certificates.files, ssl.PROTOCOL_TLS_CLIENT)
    before = followed.context()

    certificates.issue(SERVICE)
    assert followed.context() is before
    later = time.time() + files.SETTLE_SECONDS
    monkeypatch.setattr("time.time", lambda: later)
    assert followed.context() is not before
