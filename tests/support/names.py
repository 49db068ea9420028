"""Names that test every rendered file: short, long, irregular in the plural, used by the code itself."""

ORDERS = {"service_name": "orders"}

# Plausible services, and the resource that each gets: none of these may be refused.
ACCEPTED = {
    "tags": "tag",
    "pages": "page",
    "keys": "key",
    "tokens": "token",
    "settings": "setting",
    "base": "base",
    "identity": "identity",
    "gateway": "gateway",
    "svc-s": "svc_s",
    "news": "news",
    "status": "status",
    "series": "series",
    "address": "address",
    "people": "person",
    "data": "data",
    "customer-loyalty-points-redemption": "points_redemption",
}

# Those whose class still meets another name in the code of a service.
COLLIDING: set[str] = set()

# Those that are still the names of containers of the workspace.
CONTAINERS = {"identity", "gateway"}

SERVICES = [
    {"service_name": name}
    for name in (
        "a1",
        "a" * 40,
        "warehouse-stock-reservation-coordinators",  # 40, in words
        "http2-proxies",
        "kafka-gateway",  # a room's name in it
        "categories",
        "boxes",
        *(name for name in ACCEPTED if name not in COLLIDING | CONTAINERS),
    )
]

RESOURCES = [
    {**ORDERS, "resource": name}
    for name in (
        "x",
        "r" * 24,
        "stock_reservation_ledger",  # 24, in words
        "line_item",
        "category",
        "basis",
        "batch",
        "bus",
        "day",
        "event",
        "hour",
        "item",
        "payment",
        "session",
        "user",
        "version",
    )
]

NAMES = [*SERVICES, *RESOURCES]


def label(answers: dict[str, str]) -> str:
    """The name that a set of answers tries."""
    return list(answers.values())[-1]
