<% for peer in cookiecutter.depends_on | peers %>
=== test_<< peer.module >>.py
"""Contract with << peer.name >>: the requests and response fields that this service uses."""

from uuid import UUID

from pact import Pact, match

from .conftest import Served

PEER = "<< peer.name >>"
ID = UUID("0198f0c2-5a3e-7c41-9d52-6b1f0e7a8c93")


def test_finds_one(pact: Pact, served: Served) -> None:
    (
        pact.upon_receiving("a request for a known id")
        .given("one of the << peer.nouns >> has this id", id=str(ID))
        .with_request("GET", f"/api/v1/<< peer.path >>/{ID}")
        .will_respond_with(200)
        .with_body(
            {
                "id": match.uuid(str(ID)),
                "name": match.string("First"),
                "version": match.integer(1),
            },
            content_type="application/json",
        )
    )

    with served() as clients:
        found = clients.<< peer.module >>.get(ID)

    assert found is not None
    assert (found.id, found.name, found.version) == (ID, "First", 1)


def test_finds_none(pact: Pact, served: Served) -> None:
    (
        pact.upon_receiving("a request for an unknown id")
        .given("none of the << peer.nouns >> has this id", id=str(ID))
        .with_request("GET", f"/api/v1/<< peer.path >>/{ID}")
        .will_respond_with(404)
    )

    with served() as clients:
        assert clients.<< peer.module >>.get(ID) is None
<% endfor %>
