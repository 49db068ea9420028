import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qs

import pytest

from chassis import context
from chassis.peers import TokenSettings, TokenSource
from chassis.peers.tokens import cache
from chassis.peers.tokens import endpoint as endpoint_module
from chassis.peers.tokens.cache import CachedToken, TokenUnavailable
from chassis.peers.tokens.endpoint import Grant, NoToken, TokenEndpoint
from chassis.settings import Settings, SettingsError
from support.clock import Clock

CLIENT = {"AUTH_CLIENT_ID": "checkout", "AUTH_CLIENT_SECRET": "a secret: 1+1"}


def settings(**given: str) -> TokenSettings:
    usual = {"AUTH_AUDIENCE": "checkout", "AUTH_ISSUER": "urn:development"}
    return Settings(usual, given, [TokenSettings])[TokenSettings]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cache, "time", clock)
    return clock


class Provider:
    """Returns numbered tokens; it can be slow or away, and counts requests."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.away = False
        self.asked = 0

    def grant(self) -> Grant:
        self.asked += 1
        self.go_on.wait(30)
        if self.away:
            raise NoToken("it is away")
        return Grant(f"token-{self.asked}", 61)  # valid for 60, since ends are whole seconds

    def kept(self) -> CachedToken:
        return CachedToken("inventory", self.grant)


def at_once(call: Callable[[], str], times: int = 50) -> list[str]:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(call())) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_many_threads_cost_one_fetch() -> None:
    provider = Provider()
    provider.go_on.clear()
    threading.Timer(0.1, provider.go_on.set).start()

    assert at_once(provider.kept().get) == ["token-1"] * 50
    assert provider.asked == 1


def test_one_thread_renews_while_the_others_continue(clock: Clock) -> None:
    provider = Provider()
    kept = provider.kept()
    kept.get()
    clock.now += 44
    assert kept.get() == "token-1"
    assert provider.asked == 1
    clock.now += 8  # within its last fifth
    provider.go_on.clear()

    assert at_once(kept.get) == ["token-1"] * 50
    provider.go_on.set()
    while kept.get() != "token-2":
        time.sleep(0.01)
    assert provider.asked == 2


def test_a_token_is_used_until_it_ends_while_the_provider_is_away(clock: Clock) -> None:
    provider = Provider()
    kept = provider.kept()
    kept.get()
    provider.away = True

    clock.now += 59
    assert kept.get() == "token-1"
    clock.now += 2
    with pytest.raises(TokenUnavailable) as refused:
        kept.get()
    assert refused.value.retry_after == 1


def test_an_expired_token_is_never_returned(clock: Clock) -> None:
    kept = Provider().kept()
    kept.get()
    clock.now += 3600

    assert at_once(kept.get) == ["token-2"] * 50


def test_a_provider_that_is_away_is_asked_rarely(clock: Clock) -> None:
    provider = Provider()
    provider.away = True
    kept = provider.kept()

    def outcome() -> str:
        with pytest.raises(TokenUnavailable):
            kept.get()
        return "refused"

    for _ in range(50):
        assert at_once(outcome, 5) == ["refused"] * 5
        clock.now += 0.1
    assert 3 <= provider.asked <= 5


def test_tokens_return_with_the_provider(clock: Clock) -> None:
    provider = Provider()
    provider.away = True
    kept = provider.kept()
    with pytest.raises(TokenUnavailable):
        kept.get()

    provider.away = False
    clock.now += 0.5

    assert kept.get() == "token-2"


def test_no_wait_is_longer_than_the_deadline() -> None:
    provider = Provider()
    provider.go_on.clear()
    kept = provider.kept()

    def hasty() -> None:
        context.start_deadline(0.05)
        kept.get()

    with pytest.raises(context.DeadlineExceeded):
        copy_context().run(hasty)
    provider.go_on.set()
    assert kept.get() == "token-1", "a caller that gives up does not cancel it for the others"
    assert provider.asked == 1


def test_without_a_deadline_no_wait_is_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_LONGEST_WAIT_SECONDS", 0.05)
    provider = Provider()
    provider.go_on.clear()

    with pytest.raises(TokenUnavailable) as refused:
        provider.kept().get()
    assert refused.value.retry_after == 1
    provider.go_on.set()


def test_a_thread_that_cannot_start_blocks_no_later_call(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Provider().kept()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError))
        with pytest.raises(RuntimeError):
            kept.get()

    assert kept.get() == "token-1"


def test_a_refused_token_is_fetched_again(clock: Clock) -> None:
    kept = Provider().kept()
    kept.get()

    kept.forget()
    assert kept.get() == "token-1", "a new one this early would be refused too"

    clock.now += 6
    kept.forget()
    assert kept.get() == "token-2"


def test_without_a_client_id_there_is_no_token(caplog: pytest.LogCaptureFixture) -> None:
    calls = TokenSource(settings())

    assert [calls.token("inventory") for _ in range(3)] == [None] * 3
    assert caplog.text.count("AUTH_CLIENT_ID is not set") == 1


class TokenServer:
    """An identity provider's token endpoint on this machine."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        self.through: list[tuple[str, str | None]] = []
        self.status = 200
        self.body: Any = {"access_token": "abc", "token_type": "bearer", "expires_in": "300"}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.requests.append((self.headers["Authorization"], parse_qs(form)))
                outer.through.append((self.path, self.headers["Proxy-Authorization"]))
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(json.dumps(outer.body).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    given = TokenServer()
    thread = threading.Thread(target=given.server.serve_forever, args=(0.01,))
    thread.start()
    yield given
    given.server.shutdown()
    given.server.server_close()
    thread.join()


def endpoint(server: TokenServer, **given: str) -> TokenEndpoint:
    return TokenEndpoint(settings(AUTH_TOKEN_URL=server.url, **CLIENT, **given))


def test_the_request_follows_the_standard(token_server: TokenServer) -> None:
    grant = endpoint(token_server).grant("inventory", "stock:read stock:write")

    assert grant == ("abc", 300)
    [(authorization, form)] = token_server.requests
    pair = base64.b64encode(b"checkout:a+secret%3A+1%2B1").decode()
    assert authorization == f"Basic {pair}"
    assert form == {
        "grant_type": ["client_credentials"],
        "audience": ["inventory"],
        "scope": ["stock:read stock:write"],
    }


@pytest.mark.parametrize(
    ("template", "scope", "sent"),
    [
        ("audience={audience},scope={scope}", "", {"audience": "inventory"}),
        ("scope=api://{audience}/.default", "a", {"scope": "api://inventory/.default"}),
        ("resource=https://a.test/{audience}", "", {"resource": "https://a.test/inventory"}),
        ("scope={scope}", "a,b=c", {"scope": "a,b=c"}),
    ],
)
def test_the_parameters_of_the_request_are_configurable(
    template: str, scope: str, sent: dict[str, str]
) -> None:
    given = settings(AUTH_TOKEN_PARAMETERS=template)

    assert given.parameters("inventory", scope) == sent


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "invalid_client", "error_description": "who\nare you"}),
        (400, ["invalid_scope"]),
        (302, {}),
        (500, None),
        (200, {}),
        (200, {"access_token": "abc", "token_type": "mac"}),
        (200, {"access_token": "a\nb", "token_type": "bearer"}),
        (200, {"access_token": "abc", "token_type": "bearer", "expires_in": 0}),
    ],
    ids=str,
)
def test_a_refusal_is_logged_without_a_secret(
    token_server: TokenServer, caplog: pytest.LogCaptureFixture, status: int, body: object
) -> None:
    token_server.status, token_server.body = status, body
    calls = TokenSource(settings(AUTH_TOKEN_URL=token_server.url, **CLIENT))

    with pytest.raises(TokenUnavailable):
        calls.token("inventory")

    [record] = caplog.records
    told = record.getMessage()
    assert told.startswith("There is no token for inventory: the provider")
    assert "\n" not in told
    assert not any(secret in caplog.text for secret in ("abc", "1+1", "Basic"))


def test_a_proxy_may_need_a_password(token_server: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = token_server.url.removesuffix("/token").replace("//", "//me:a%40b@")
    monkeypatch.setattr(endpoint_module, "getproxies", lambda: {"http": proxy})
    given = settings(AUTH_TOKEN_URL="http://id.test/token", **CLIENT)

    assert TokenEndpoint(given).grant("inventory", "") == ("abc", 300)
    [(path, proxy_authorization)] = token_server.through
    assert path == "http://id.test/token"
    assert proxy_authorization == f"Basic {base64.b64encode(b'me:a@b').decode()}"


def test_an_unreachable_provider_is_reported(token_server: TokenServer) -> None:
    token_server.server.server_close()

    with pytest.raises(NoToken, match="cannot be reached"):
        endpoint(token_server).grant("inventory", "")


def problems(**given: str) -> list[str]:
    with pytest.raises(SettingsError) as wrong:
        settings(**given)
    return [problem.partition(":")[0] for problem in wrong.value.problems]


def test_production_needs_a_client_and_its_secret() -> None:
    production = {"ENVIRONMENT": "production", "AUTH_ISSUER": "https://issuer.test"}

    assert problems(**production) == ["AUTH_CLIENT_ID", "AUTH_CLIENT_SECRET"]
    assert problems(**production, **CLIENT | {"AUTH_CLIENT_SECRET": "development-only"}) == [
        "AUTH_CLIENT_SECRET"
    ]
    assert problems(**production, **CLIENT, AUTH_TOKEN_URL="http://issuer.test/token") == [
        "AUTH_TOKEN_URL"
    ]
    assert settings(**production, **CLIENT).client_id == "checkout"


@pytest.mark.parametrize("template", ["{scope}", "audience={peer}", "audience={audience},", "a={"])
def test_parameters_that_cannot_be_filled_are_refused(template: str) -> None:
    assert problems(AUTH_TOKEN_PARAMETERS=template) == ["AUTH_TOKEN_PARAMETERS"]


def test_an_issuer_without_metadata_needs_the_address_of_its_tokens() -> None:
    assert problems(**CLIENT) == ["AUTH_TOKEN_URL"]
