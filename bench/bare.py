"""The baseline of the benchmark: bare Flask that returns the same responses.

It has no validation, traces, metrics, logs or limits: a lower bound, not an alternative.
"""

import json
import os
from urllib.request import urlopen
from uuid import UUID

import jwt
from flask import Flask, Response, abort, request
from sqlalchemy import create_engine, text

app = Flask(__name__)
_url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
_on_sqlite = _url.startswith("sqlite")
_engine = create_engine(
    _url,
    isolation_level="AUTOCOMMIT",
    connect_args={} if _on_sqlite else {"options": "-c timezone=UTC"},
)
_row = text(
    "SELECT id, name, description, version, created_at, updated_at FROM orders WHERE id = :id"
)
_keys: dict[str, jwt.PyJWK] = {}
_scopes: dict[str, set[str]] = {}


@app.get("/hello")
def hello() -> Response:
    """Return the body of /health/live."""
    return Response('{"status":"ok","checks":{}}', mimetype="application/json")


@app.get("/api/v1/orders/<uuid:order_id>")
def order(order_id: UUID) -> Response:
    """Return an order as the service does, to callers with the scope to read."""
    token = request.headers["Authorization"].removeprefix("Bearer ")
    # With CACHED set, it caches verified tokens, as the service does.
    cached = "CACHED" in os.environ
    scopes = _scopes.get(token) if cached else None
    if scopes is None:
        scopes = _scopes[token] = _verify(token)
    if "orders:read" not in scopes:
        abort(403)
    with _engine.connect() as connection:
        key = {"id": order_id.hex if _on_sqlite else order_id}
        row = connection.execute(_row, key).mappings().one()
    body = {
        "id": str(order_id),
        "name": row["name"],
        "description": row["description"],
        "version": row["version"],
        "created_at": _time(row["created_at"]),
        "updated_at": _time(row["updated_at"]),
    }
    return Response(json.dumps(body, separators=(",", ":")), mimetype="application/json")


def _time(value: object) -> str:
    return str(value).replace(" ", "T").removesuffix("+00:00") + "Z"


def _verify(token: str) -> set[str]:
    if not _keys:
        with urlopen(os.environ["AUTH_JWKS_URL"]) as answer:  # noqa: S310 (the benchmark's own address)
            _keys.update({key.key_id: key for key in jwt.PyJWKSet(json.load(answer)["keys"]).keys})
    claims = jwt.decode(
        token,
        _keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=["RS256", "ES256"],
        audience=os.environ["AUTH_AUDIENCE"],
        issuer=os.environ["AUTH_ISSUER"],
    )
    return set(claims["scope"].split())
