"""Names that test every rendered file: short, long, irregular plurals, names used by the code."""

ORDERS = {"service_name": "orders"}

# Plausible services and their resources; none of these may be refused.
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

# Services whose class would collide with another name in the code.
COLLIDING: set[str] = set()

# Names of containers of the workspace.
CONTAINERS = {"identity", "gateway"}

SERVICES = [
    {"service_name": name}
    for name in (
        "a1",
        "a" * 40,
        "warehouse-stock-reservation-coordinators",  # 40, in words
        "http2-proxies",
        "kafka-gateway",  # contains a room's name
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
    """Return the name that a set of answers tests."""
    return list(answers.values())[-1]
