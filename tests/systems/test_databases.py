"""The service on real databases: its own tests, and concurrency."""

from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.support.http import ORDERS
from tests.support.rendering import TEMPLATE
from tests.support.running import Place, at_once
from tests.support.verbs import make

AT_ONCE = 20
MANY_HANDS = {"WEB_CONCURRENCY": "2", "WEB_THREADS": "10", "SHUTDOWN_DRAIN_SECONDS": "0"}


def test_the_tests_of_the_chassis(place: Place) -> None:
    with place.server.fresh() as url:
        arguments = "tests/database --numprocesses=0"  # the tests share a table
        make(TEMPLATE, "test-chassis", ARGS=arguments, TEST_DATABASE_URL=url)


def test_the_services_own_tests(place: Place) -> None:
    with place.server.fresh() as url:
        make(place.project.folder, "test", TEST_DATABASE_URL=url)


def test_one_idempotency_key_has_one_effect(place: Place) -> None:
    with place.serve(**MANY_HANDS) as service:
        for _ in range(5):
            name, key = f"Once {uuid4()}", {"Idempotency-Key": uuid4().hex}
            create = partial(service.post, {"name": name}, headers=key)

            answers = at_once([create] * AT_ONCE)

            assert [answer.status for answer in answers] == [201] * AT_ONCE
            assert len({answer.body for answer in answers}) == 1
            assert len({answer.headers["Location"] for answer in answers}) == 1
            assert len({answer.headers["ETag"] for answer in answers}) == 1
            items = service.get(f"{ORDERS}?limit=200").json()["items"]
            assert [item["name"] for item in items].count(name) == 1
            other = service.post({"name": "Another"}, headers=key)
            assert (other.status, other.json()["code"]) == (422, "idempotency_key_reused")
        assert not service.bugs()


def test_no_update_is_lost(place: Place) -> None:
    with place.serve(**MANY_HANDS) as service:
        for _ in range(5):
            created = service.post({"name": "Contested"})
            path, seen = urlsplit(created.headers["Location"]).path, created.headers["ETag"]
            changes = [
                partial(
                    service.ask,
                    "PATCH",
                    path,
                    body={"name": f"Changed by {number}"},
                    headers={"If-Match": seen},
                )
                for number in range(AT_ONCE)
            ]

            answers = at_once(changes)

            statuses = sorted(answer.status for answer in answers)
            assert statuses == [200] + [412] * (AT_ONCE - 1)
            [winner] = [answer for answer in answers if answer.status == 200]
            assert service.get(path).json() == winner.json()
            assert winner.json()["version"] == 2
        assert not service.bugs()


def test_pages_neither_skip_nor_repeat_while_others_write(place: Place) -> None:
    with place.serve(**MANY_HANDS) as service:
        before = {service.post({"name": f"Page {n}"}).json()["id"] for n in range(25)}
        found: list[str] = []
        cursor = ""
        while True:
            page = service.get(f"{ORDERS}?limit=7{cursor}").json()
            found += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            at_once([partial(service.post, {"name": "Meanwhile"})] * 2)
            cursor = f"&cursor={page['next_cursor']}"
            if len(found) > 500:
                pytest.fail("the pages do not end")
        assert len(found) == len(set(found))
        assert before <= set(found)
