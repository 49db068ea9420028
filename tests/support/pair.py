"""Two services: checkout, which calls orders and returns its response."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.http import ORDERS
from tests.support.running import Project, Service
from tests.support.services import Fleet, Provider, add_view

# Calls orders with checkout's own token.
ASKS = """
from flask import Blueprint, Flask, request

from ..bootstrap import Adapters
from ..chassis.auth import public


def install(app: Flask, adapters: Adapters) -> None:
    pages = Blueprint("ask", __name__)

    @pages.route("/ask/<path:path>", methods=["DELETE", "GET", "POST"])
    @public
    def ask(path: str) -> tuple[str, int]:
        peer, sent = adapters.clients.orders._client, request.get_json(silent=True)
        expected = tuple(range(200, 500))
        found = peer.request(request.method, f"/{path}", expect=expected, json=sent)
        return found.body.decode(), found.status

    app.register_blueprint(pages)
"""
ASK = f"/ask{ORDERS}"


@dataclass(frozen=True)
class Pair:
    """Both services, installed; in orders, only developer may create orders."""

    fleet: Fleet
    checkout: Project
    orders: Project

    @contextmanager
    def serve(self, provider: Provider, /, **environment: str) -> Iterator[Service]:
        """Run both services inside the context; the environment is that of checkout."""
        exact = {"AUTH_LEEWAY_SECONDS": "0", "WEB_THREADS": "16"}
        with self.fleet.serve(self.orders, provider, **exact) as orders:
            there = {"ORDERS_URL": f"http://127.0.0.1:{orders.port}", "WEB_THREADS": "64"}
            own = {**there, **provider.client("checkout"), **environment}
            with self.fleet.serve(self.checkout, provider, **own) as checkout:
                yield checkout

    def orders_service(self, checkout: Service) -> Service:
        """Return a client of orders, for direct requests."""
        port = int(checkout.environment["ORDERS_URL"].rpartition(":")[2])
        return Service(self.orders, checkout.scratch, {}, "", port)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The services."""
    fleet = Fleet(tmp_path_factory.mktemp("tokens"))
    pair = Pair(fleet, fleet.render("checkout", depends_on="orders"), fleet.render("orders"))
    add_view(pair.checkout, "ask", ASKS)
    policy = pair.orders.folder / "src/orders/api/policy.py"
    line = '"create_order": Rule(WRITE, ANYONE)'
    assert line in policy.read_text()
    policy.write_text(policy.read_text().replace(line, line.replace("ANYONE", '{"developer"}')))
    return pair
