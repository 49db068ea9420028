import base64
import threading
import time
from typing import Any
from unittest.mock import Mock

import jwt
import pytest

from chassis.auth import keys
from chassis.auth.verifier import InvalidToken, Verifier
from support.issuer import Issuer, settings


def verifier(issuer: Issuer, max_age: float = 600, **changed: object) -> Verifier:
    return Verifier(settings(**changed), keys.KeySet(issuer.fetch, max_age))


@pytest.mark.parametrize("claims", [{"scope": 7}, {"scope": None}, {"scp": {"a": 1}}, {}])
def test_malformed_scopes_grant_nothing(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert verifier(issuer).verify(issuer.token(**claims)).scopes == set()


@pytest.mark.parametrize("head", ['{"alg": ["ES256"]}', "[" * 50_000, "[]", "null", "{}"])
def test_a_malformed_header_is_refused(issuer: Issuer, head: str) -> None:
    token = base64.urlsafe_b64encode(head.encode()).decode().rstrip("=") + ".e30.AA"

    with pytest.raises(InvalidToken):
        verifier(issuer).verify(token)


@pytest.mark.parametrize(
    "claims", [{"scp": ["a", "b"]}, {"roles": ["a", "b"]}, {"scope": "a b", "roles": ["c"]}]
)
def test_scopes_as_issuers_write_them(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert verifier(issuer).verify(issuer.token(**claims)).scopes == {"a", "b"}


@pytest.mark.parametrize("kind", ["at+jwt", "application/at+JWT", "JWT"])
def test_the_types_of_access_tokens(issuer: Issuer, kind: str) -> None:
    assert verifier(issuer).verify(issuer.token({"typ": kind})).subject == "alice"


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", ["JWT"]])
def test_other_signed_documents_are_refused(issuer: Issuer, kind: object) -> None:
    with pytest.raises(InvalidToken):
        verifier(issuer).verify(issuer.token({"typ": kind}))


@pytest.mark.parametrize("claims", [{"typ": "ID"}, {"at_hash": "mFfFWfaxOp6ZsHhNsM6EMg"}])
def test_an_id_token_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken, match="not an access token"):
        verifier(issuer).verify(issuer.token(**claims))
    assert verifier(issuer).verify(issuer.token(typ="Bearer")).subject == "alice"


def test_an_expiry_may_be_arbitrarily_late(issuer: Issuer) -> None:
    assert verifier(issuer).verify(issuer.token(exp=10**400)).subject == "alice"


def test_concurrent_callers_share_one_fetch(issuer: Issuer) -> None:
    checked = verifier(issuer)
    token = issuer.token()
    threads = [threading.Thread(target=checked.verify, args=(token,)) for _ in range(50)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert issuer.asked == 1


def test_a_rotated_key_is_accepted_at_once_and_the_old_one_no_longer(issuer: Issuer) -> None:
    checked = verifier(issuer)
    old = issuer.token()
    checked.verify(old)

    issuer.rotate("k2")
    checked.verify(issuer.token())

    assert issuer.asked == 2
    with pytest.raises(InvalidToken, match="unknown key"):
        checked.verify(old)


def test_a_rotation_during_a_verification_counts(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_set = keys.KeySet(issuer.fetch, 600)
    checked, old = Verifier(settings(), key_set), issuer.token()
    decode = jwt.decode

    def slow(*arguments: Any, **options: Any) -> Any:
        claims = decode(*arguments, **options)
        issuer.rotate("k2")
        assert key_set.get("k2")
        return claims

    monkeypatch.setattr(jwt, "decode", slow)
    checked.verify(old)

    with pytest.raises(InvalidToken, match="unknown key"):
        checked.verify(old)


def test_unknown_keys_cause_few_requests(issuer: Issuer) -> None:
    checked = verifier(issuer)
    checked.verify(issuer.token())
    stranger = Issuer()

    for number in range(20):
        stranger.rotate(f"bogus-{number}")
        with pytest.raises(InvalidToken, match="unknown key"):
            checked.verify(stranger.token())

    assert issuer.asked == 2


def test_cached_keys_stay_in_use_while_the_issuer_is_away(issuer: Issuer) -> None:
    checked = verifier(issuer, max_age=0.01)
    checked.verify(issuer.token())
    issuer.away = True
    time.sleep(0.02)

    assert checked.verify(issuer.token(sub="bob")).subject == "bob"


def test_without_any_key_nothing_can_be_verified(issuer: Issuer) -> None:
    issuer.away = True
    checked = verifier(issuer)

    for _ in range(3):
        with pytest.raises(keys.KeysUnavailable):
            checked.verify(issuer.token())

    assert issuer.asked == 1


def test_a_cached_token_expires(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = verifier(issuer, AUTH_LEEWAY_SECONDS=0)
    token = issuer.token(exp=int(time.time()) + 60)
    checked.verify(token)
    monkeypatch.setattr(jwt, "decode", Mock(side_effect=jwt.ExpiredSignatureError))
    assert checked.verify(token).subject == "alice", "from the cache"

    later = time.time() + 61
    monkeypatch.setattr("time.time", lambda: later)

    with pytest.raises(InvalidToken, match="expired"):
        checked.verify(token)


@pytest.mark.parametrize(
    ("claims", "client"),
    [
        ({"client_id": "checkout", "azp": "checkout"}, "checkout"),
        ({"client_id": "checkout", "azp": "other"}, None),
        ({"client_id": ["checkout"], "azp": "checkout"}, None),
        ({"azp": "checkout"}, "checkout"),
        ({"appid": "checkout"}, "checkout"),
        ({"cid": "checkout"}, "checkout"),
        ({"client_id": 7}, None),
        ({}, None),
    ],
)
def test_the_client_of_a_token(issuer: Issuer, claims: dict[str, Any], client: str | None) -> None:
    assert verifier(issuer).verify(issuer.token(**claims)).client == client
