import socket

import pytest

from chassis.inbound.listening import Listening
from chassis.settings import SettingsError


def test_a_free_port_is_fine() -> None:
    Listening("127.0.0.1", "http", 0, 0).check()


@pytest.mark.parametrize("which", ["port", "health_port"])
def test_a_taken_port_is_named(which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = {"port": 0, "health_port": 0, which: taken}

        with pytest.raises(SettingsError, match=rf":{taken}: Address already in use; stop"):
            Listening("127.0.0.1", "http", **ports).check()


def test_a_host_is_an_address() -> None:
    with pytest.raises(SettingsError, match=r"^HOST: localhost is not an IP address$"):
        Listening("localhost", "https", 0, 1).check()


def test_a_host_may_be_every_address() -> None:
    Listening("0.0.0.0", "http", 0, 0).check()  # noqa: S104


def test_the_port_of_a_process_that_just_stopped_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as before:
        port = before.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            before.accept()[0].close()  # it ends the connection, so the system remembers that
            assert client.recv(1) == b""

    Listening("127.0.0.1", "http", port, port).check()


def test_a_host_that_is_not_local_is_named() -> None:
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1:0: "):
        Listening("192.0.2.1", "http", 0, 0).check()
