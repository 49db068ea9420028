"""Names that try the wording of every file: short, long, odd in the plural, used by the code itself."""

ORDERS = {"service_name": "orders"}

SERVICES = [
    {"service_name": name}
    for name in (
        "a1",
        "a" * 40,
        "warehouse-stock-reservation-coordinators",  # 40, in words
        "http2-proxies",
        "kafka-gateway",  # a room's name in it
        "news",
        "status",
        "addresses",
        "categories",
        "boxes",
        "data",
    )
]

RESOURCES = [
    {**ORDERS, "resource": name}
    for name in (
        "x",
        "r" * 40,
        "warehouse_stock_reservation_coordinator",
        "line_item",
        "address",
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
        "token",
        "user",
        "version",
    )
]

NAMES = [*SERVICES, *RESOURCES]


def label(answers: dict[str, str]) -> str:
    """The name that a set of answers tries."""
    return list(answers.values())[-1]
