import importlib
import pkgutil
from collections import defaultdict
from inspect import get_annotations
from pathlib import Path

import pytest

import chassis
from chassis.auth import AuthSettings
from chassis.database import DatabaseSettings
from chassis.inbound import ServerSettings
from chassis.settings import ExtensionSettings, SettingsError
from support.app import read

PRODUCTION = {
    "AUTH_AUDIENCE": "orders",
    "AUTH_ISSUER": "https://issuer.test",
    "AUTH_JWKS_URL": "https://issuer.test/jwks.json",
    "DATABASE_URL": "sqlite:////data/orders.db",
    "ENVIRONMENT": "production",
}


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in PRODUCTION.items() if key != name}


def models() -> list[type[ExtensionSettings]]:
    """Return every settings class of the chassis."""
    for module in pkgutil.walk_packages(chassis.__path__, "chassis."):
        importlib.import_module(module.name)
    found, queue = [], [ExtensionSettings]
    while queue:
        model = queue.pop()
        if model.__module__.startswith("chassis."):
            found.append(model)
        queue += model.__subclasses__()
    return found


def own_fields(model: type[ExtensionSettings]) -> set[str]:
    """Return the names of the fields that a class declares itself."""
    return set(model.model_fields) & set(get_annotations(model))


def test_every_variable_has_one_owner() -> None:
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for model in models():
        for name in own_fields(model):
            owners[model.model_fields[name].alias or ""].add(model.__qualname__)
    owners.pop("")  # PeerSettings: each client names its own variables

    assert {"PORT", "TLS_PORT", "AUTH_CLIENT_ID", "CONSUL_HTTP_ADDR"} < set(owners)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


def test_every_setting_has_a_description() -> None:
    described = {
        f"{model.__qualname__}.{name}": model.model_fields[name].description
        for model in models()
        for name in own_fields(model)
    }

    assert {name for name, text in described.items() if not text} == set()


def test_all_problems_are_listed_at_once() -> None:
    wrong = {"ENVIRONMENT": "production", "PORT": "x", "AUTH_ISSUER": "urn:development"}

    with pytest.raises(SettingsError) as caught:
        read(wrong, DatabaseSettings)

    named = {problem.partition(":")[0] for problem in caught.value.problems}
    assert named == {"AUTH_AUDIENCE", "AUTH_ISSUER", "DATABASE_URL", "PORT"}


def test_no_time_is_endless() -> None:
    with pytest.raises(SettingsError, match=r"REQUEST_TIMEOUT_SECONDS: .* finite"):
        read(PRODUCTION | {"REQUEST_TIMEOUT_SECONDS": "inf"})


@pytest.mark.parametrize("url", ["file:.dev/jwks.json", "http://issuer.test/jwks.json"])
def test_production_accepts_trustworthy_addresses_of_keys_only(url: str) -> None:
    with pytest.raises(SettingsError, match="AUTH_JWKS_URL: needs an https:// address"):
        read(PRODUCTION | {"AUTH_JWKS_URL": url})


def test_the_issuers_metadata_may_name_its_keys() -> None:
    given = without("AUTH_JWKS_URL")

    assert read(given)[AuthSettings].jwks_url is None
    with pytest.raises(SettingsError, match="AUTH_JWKS_URL: is needed"):
        read(given | {"AUTH_ISSUER": "http://issuer.test"})


def test_production_starts_with_its_required_settings() -> None:
    assert read(PRODUCTION)[ServerSettings].environment == "production"


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("https://issuer.test/jwks.json\n")

    settings = read(without("AUTH_JWKS_URL") | {"AUTH_JWKS_URL_FILE": str(secret)})

    assert settings[AuthSettings].jwks_url == "https://issuer.test/jwks.json"


def test_problems_with_files_are_named() -> None:
    wrong = {"AUTH_JWKS_URL_FILE": "/etc/hostname", "DATABASE_URL_FILE": "/run/secrets/none"}

    with pytest.raises(SettingsError) as caught:
        read(without("DATABASE_URL") | wrong, DatabaseSettings)

    twice, missing, _ = caught.value.problems
    assert twice == "AUTH_JWKS_URL_FILE: AUTH_JWKS_URL is set too; remove one of them"
    assert missing.startswith("DATABASE_URL_FILE: cannot be read: ")


def test_settings_of_an_extension_are_found_by_their_class() -> None:
    settings = read(PRODUCTION | {"PORT": "9000"})

    assert settings[ServerSettings].port == 9000
    with pytest.raises(KeyError):
        settings[DatabaseSettings]
