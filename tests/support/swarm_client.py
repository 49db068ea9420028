"""Send requests without a pause or retry, inside the network of a service.

    python swarm_client.py HOST TOKEN

Each client resolves the name for every new connection. Half of them keep a connection until the
service closes it, like a pool; the others open a new one periodically and reach any instance. The
script reports when each client has had a response. On SIGTERM it prints one line of JSON and exits.
"""

import itertools
import json
import signal
import socket
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException

PORT = 8000
CLIENTS = 4
OF_A_VISIT = 50  # requests on a short connection
PAUSE = 0.005


def main(host: str, token: str) -> None:
    """Send requests until SIGTERM, then print the result."""
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    counts = [Counts() for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=send, args=(host, token, done, one, number))
        for number, one in enumerate(counts)
    ]
    for thread in threads:
        thread.start()
    while not all(one.answered for one in counts) and not done.wait(0.05):
        pass
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    for thread in threads:
        thread.join()
    report = {
        "answered": sum(one.answered for one in counts),
        "asked_to_leave": sum(one.asked_to_leave for one in counts),
        "failures": [failure for one in counts for failure in one.failures],
        "instances": sorted({address for one in counts for address in one.instances}),
    }
    sys.stdout.write(json.dumps(report) + "\n")


class Counts:
    """The results of one client."""

    def __init__(self) -> None:
        self.answered = 0
        self.asked_to_leave = 0
        self.failures: list[str] = []
        self.instances: set[str] = set()


def send(host: str, token: str, done: threading.Event, counts: Counts, number: int) -> None:
    """Open connections one after the other, each to another instance."""
    keeps = number < CLIENTS // 2
    for visit in itertools.count(number):
        if done.is_set():
            break
        address = ""
        try:
            found = sorted(socket.getaddrinfo(host, PORT, socket.AF_INET, socket.SOCK_STREAM))
            address = str(found[visit % len(found)][4][0])
            counts.instances.add(address)
            connection = HTTPConnection(address, PORT, timeout=10)
            use(connection, token, done, counts, None if keeps else OF_A_VISIT)
        except (OSError, HTTPException) as error:
            counts.failures.append(f"{time.strftime('%X')} {address}: {error!r}")
            time.sleep(0.1)


def use(
    connection: HTTPConnection,
    token: str,
    done: threading.Event,
    counts: Counts,
    requests: int | None,
) -> None:
    """Send requests until the service closes the connection, or up to a limit."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for number in itertools.count() if requests is None else range(requests):
        if number % 5 == 0:
            connection.request("POST", "/api/v1/orders", '{"name": "One of many"}', headers)
        else:
            connection.request("GET", "/api/v1/orders?limit=1", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status in {200, 201}:
            counts.answered += 1
        else:
            counts.failures.append(f"{time.strftime('%X')} {answer.status}: {body!r}")
        counts.asked_to_leave += answer.will_close
        if answer.will_close or done.is_set():
            break
        time.sleep(PAUSE)
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
