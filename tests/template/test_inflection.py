"""Words derived from names: singular, plural, article, class, and the resource of a service."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from template_0_1_0 import (
    IRREGULAR,
    LONGEST_RESOURCE,
    UNCOUNTABLE,
    article,
    class_name,
    folder,
    package,
    peers,
    plural,
    resource,
    singular,
)
from tests.support.names import ACCEPTED

SERVICE_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,11}(-[a-z0-9]{1,11}){0,4}", fullmatch=True).filter(
    lambda name: len(name) <= 40
)
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

# fmt: off
REGULAR = [
    ("order", "orders"), ("line_item", "line_items"), ("payment", "payments"), ("token", "tokens"),
    ("category", "categories"), ("inventory", "inventories"), ("identity", "identities"),
    ("key", "keys"), ("day", "days"), ("gateway", "gateways"), ("tie", "ties"), ("pie", "pies"),
    ("address", "addresses"), ("class", "classes"), ("process", "processes"), ("box", "boxes"),
    ("index", "indexes"), ("batch", "batches"), ("branch", "branches"), ("dish", "dishes"),
    ("status", "statuses"), ("bus", "buses"), ("virus", "viruses"), ("campus", "campuses"),
    ("house", "houses"), ("warehouse", "warehouses"), ("clause", "clauses"), ("case", "cases"),
    ("database", "databases"), ("purchase", "purchases"), ("release", "releases"),
    ("license", "licenses"), ("expense", "expenses"), ("course", "courses"), ("price", "prices"),
    ("prize", "prizes"), ("size", "sizes"), ("archive", "archives"), ("photo", "photos"),
    ("video", "videos"), ("stock", "stocks"), ("page", "pages"), ("tag", "tags"),
    ("setting", "settings"), ("shoe", "shoes"), ("x", "xes"), ("a1", "a1s"),
]
# fmt: on


@pytest.mark.parametrize(("one", "many"), [*REGULAR, *IRREGULAR.items()])
def test_a_noun_is_counted_both_ways(one: str, many: str) -> None:
    assert (plural(one), singular(many), singular(one)) == (many, one, one)


@pytest.mark.parametrize("noun", sorted(UNCOUNTABLE))
def test_an_uncountable_noun_is_its_own_plural(noun: str) -> None:
    assert (plural(noun), singular(noun)) == (noun, noun)


def test_only_the_last_word_is_counted() -> None:
    assert plural("news_item") == "news_items"
    assert singular("sales-people") == "sales-person"
    assert singular("addresses data") == "addresses data"


def test_a_word_that_is_too_short_for_a_plural_stays() -> None:
    assert [singular(word) for word in ("s", "as", "svc-s", "")] == ["s", "as", "svc-s", ""]


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        *(("order", "an"), ("address", "an"), ("item", "an"), ("event", "an"), ("hour", "an")),
        *(("user", "a"), ("unit", "a"), ("union", "a"), ("european", "a"), ("one", "a")),
        *(("unknown", "an"), ("uuid", "a"), ("umbrella", "an"), ("url", "a"), ("house", "a")),
    ],
)
def test_the_article_follows_the_sound(noun: str, expected: str) -> None:
    assert article(noun) == expected


@pytest.mark.parametrize(("service_name", "expected"), ACCEPTED.items())
def test_a_plausible_service_gets_a_sensible_resource(service_name: str, expected: str) -> None:
    assert resource(service_name) == expected


@pytest.mark.parametrize(
    ("service_name", "expected"),
    [
        ("warehouse-stock-reservation-coordinators", "reservation_coordinator"),
        ("shared-stock-reservation-ledgers", "stock_reservation_ledger"),
        ("a" * 40, "a" * 24),
        ("b" * 30 + "-2", "b" * 24),
        ("warehouse-stock-reservation-2", "stock_reservation_2"),
    ],
)
def test_a_long_name_gives_its_last_words(service_name: str, expected: str) -> None:
    assert resource(service_name) == expected


@given(SERVICE_NAMES)
def test_every_service_gets_a_resource_that_is_a_name(service_name: str) -> None:
    noun = resource(service_name)

    assert SNAKE_CASE.fullmatch(noun)
    assert len(noun) <= LONGEST_RESOURCE
    assert SNAKE_CASE.fullmatch(plural(noun))
    assert class_name(noun).isidentifier()
    assert package(service_name).isidentifier()


@given(st.text())
def test_any_text_is_derived_from_without_an_error(text: str) -> None:
    assert len(resource(text)) <= LONGEST_RESOURCE
    assert article(plural(text)) in {"a", "an"}
    assert all(peer.name for peer in peers(text))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/usr/a", "../a", "a/b", "a" * 300, "\U0001f34e" * 99]
)
def test_a_name_of_another_folder_is_replaced(name: str) -> None:
    answers = {"service_name": name}
    made = folder(answers)

    assert answers["service_name"] == made != name
    assert "/" not in made
    assert made.strip(".") != ""
    assert len(made.encode()) <= 255


def test_a_folder_of_its_own_keeps_its_name() -> None:
    answers = {"service_name": "line-items"}

    assert folder(answers) == answers["service_name"] == "line-items"


def test_peers_have_the_words_that_they_derive_themselves() -> None:
    first, second = peers("stock,customer-loyalty-points-redemption")

    assert (first.name, first.module) == (
        "customer-loyalty-points-redemption",
        "customer_loyalty_points_redemption",
    )
    assert (first.class_name, first.path) == ("PointsRedemption", "points-redemptions")
    assert (second.class_name, second.path, second.nouns) == ("Stock", "stocks", "stocks")


def test_no_peers() -> None:
    assert peers("") == []
