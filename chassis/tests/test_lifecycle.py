from flask import Flask

from chassis.lifecycle import lifecycle
from support.app import LIVE


def test_a_draining_process_closes_connections(app: Flask) -> None:
    client = app.test_client()
    assert "Connection" not in client.get(LIVE).headers

    lifecycle(app).drain()

    assert client.get(LIVE).headers["Connection"] == "close"


def test_stop_callbacks_run_in_reverse_order(app: Flask) -> None:
    done: list[int] = []
    lifecycle(app).at_stop += [lambda: done.append(1), lambda: done.append(2)]

    lifecycle(app).stop()

    assert done == [2, 1]
