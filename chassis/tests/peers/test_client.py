import json

import pytest
from pydantic import BaseModel, ValidationError

from chassis import context
from chassis.discovery import Instance
from chassis.discovery.resolution.fixed import FixedResolver
from chassis.peers import PeerClient, PeerSettings, TokenSettings, TokenSource
from chassis.peers.messages import Request, Response, UnexpectedAnswer

GET = Request("GET", "/things?limit=1", {"X-Test": "yes"})
OK = Response(200, {}, b"")
ISSUER = {"AUTH_AUDIENCE": "caller", "AUTH_ISSUER": "urn:development"}


class Recording:
    """A transport that returns one response, and records the request."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.request = GET

    def send(self, request: Request, timeout: float) -> Response:
        assert timeout == 5
        self.request = request
        return self.response


def peer(transport: Recording) -> PeerClient:
    return PeerClient("inventory", transport, TokenSource(TokenSettings.model_validate(ISSUER)), 5)


def test_the_request_id_is_sent_to_the_peer() -> None:
    transport = Recording(OK)

    context.set_request_id("r1")

    peer(transport).request("GET", "/things", expect=(200,), query={"name": "a b"})

    assert transport.request.target == "/things?name=a+b"
    assert transport.request.headers["X-Request-ID"] == "r1"


def test_a_body_goes_as_json_and_a_key_makes_it_repeatable() -> None:
    transport = Recording(Response(201, {}, b""))

    peer(transport).request("POST", "/things", expect=(201,), json={"name": "x"}, idempotency_key="k")

    assert json.loads(transport.request.body or b"") == {"name": "x"}
    assert transport.request.headers["Content-Type"] == "application/json"
    assert transport.request.repeatable


def test_an_unusable_response_is_a_bad_gateway() -> None:
    with pytest.raises(UnexpectedAnswer, match="GET /things with 401") as caught:
        peer(Recording(Response(401, {}, b""))).request("GET", "/things", expect=(200,))
    assert caught.value.code == 502


def test_a_missing_field_is_named() -> None:
    class Thing(BaseModel):
        name: str

    with pytest.raises(UnexpectedAnswer, match="without a usable name"):
        peer(Recording(OK)).read(Thing, Response(200, {}, b"{}"))
    with pytest.raises(UnexpectedAnswer, match="without a usable body"):
        peer(Recording(OK)).read(Thing, Response(200, {}, b"<html>"))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://things:8000", Instance("http", "things", 8000)),
        ("https://things.example.com/", Instance("https", "things.example.com", 443)),
        ("http://[::1]:80", Instance("http", "::1", 80)),
    ],
)
def test_a_fixed_address(url: str, address: Instance) -> None:
    assert FixedResolver(url).instances("things") == (address,)
    assert address.url.startswith(url.rstrip("/").removesuffix(":443"))


@pytest.mark.parametrize("url", ["things:8000", "ftp://things", "http://", "http://things/api", ""])
def test_an_invalid_address_is_rejected(url: str) -> None:
    with pytest.raises(ValidationError, match="is not an address like http://host:8000"):
        PeerSettings(url=url)
