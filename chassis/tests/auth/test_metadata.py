import json
import threading
from email.message import Message
from io import BytesIO
from urllib.error import HTTPError

import pytest
from pydantic import ValidationError

from chassis.auth.metadata import Metadata
from support.issuer import settings


class Published:
    """The documents of an issuer, by address; records its requests."""

    def __init__(self, documents: dict[str, object]) -> None:
        self.documents = documents
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.documents:
            raise HTTPError(url, 404, "Not Found", Message(), BytesIO())
        return json.dumps(self.documents[url]).encode()


@pytest.mark.parametrize(
    ("issuer_url", "where"),
    [
        ("https://id.test", "https://id.test/.well-known/openid-configuration"),
        ("https://id.test/", "https://id.test/.well-known/openid-configuration"),
        ("https://id.test/realms/a", "https://id.test/realms/a/.well-known/openid-configuration"),
        ("https://id.test", "https://id.test/.well-known/oauth-authorization-server"),
        ("https://id.test/a/", "https://id.test/.well-known/oauth-authorization-server/a"),
    ],
)
def test_the_metadata_of_an_issuer_name_its_keys(issuer_url: str, where: str) -> None:
    document = {"issuer": issuer_url, "jwks_uri": "https://keys.test/set"}
    published = Published({where: document})
    metadata = Metadata(settings(AUTH_ISSUER=issuer_url), published.fetch)

    assert metadata.address("jwks_uri") == "https://keys.test/set"
    assert metadata.address("jwks_uri") == "https://keys.test/set"
    assert published.asked[-1] == where
    assert len(set(published.asked)) == len(published.asked)


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://id.test/", "jwks_uri": "https://keys.test/set"},
        {"issuer": "https://id.test", "jwks_uri": "http://keys.test/set"},
        {"issuer": "https://id.test", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "https://id.test", "jwks_uri": 7},
        {"issuer": "https://id.test"},
        {},
        [],
    ],
    ids=str,
)
def test_untrustworthy_metadata_are_rejected(document: object) -> None:
    published = Published({"https://id.test/.well-known/openid-configuration": document})
    trusting = settings(AUTH_ISSUER="https://id.test", ENVIRONMENT="production", AUTH_JWKS_URL=None)

    with pytest.raises(ValueError, match=r"https://id\.test"):
        Metadata(trusting, published.fetch).address("jwks_uri")


def test_metadata_is_fetched_once_until_an_address_fails() -> None:
    where = "https://id.test/.well-known/openid-configuration"
    published = Published({where: {"issuer": "https://id.test", "jwks_uri": "https://a.test"}})
    metadata = Metadata(settings(AUTH_ISSUER="https://id.test"), published.fetch)
    ask = [threading.Thread(target=metadata.address, args=("jwks_uri",)) for _ in range(50)]

    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert len(published.asked) == 1

    metadata.forget()
    metadata.address("jwks_uri")
    assert len(published.asked) == 2


def test_an_issuer_without_a_url_needs_the_address_of_its_keys() -> None:
    with pytest.raises(ValidationError, match="since AUTH_ISSUER is not an https:// address"):
        settings(AUTH_ISSUER="urn:some-issuer", AUTH_JWKS_URL=None)
