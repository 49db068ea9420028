"""Ask a service whether it is fit for requests: `smoke.py http://service:8000`.

It has to become ready within a minute, and every collection that its API description names has
to turn away a caller without a token. That takes no secret and changes nothing.
"""

import json
import sys
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit


def main(service: str) -> None:
    """Exit with the reason if the service is not fit."""
    wait_until_ready(service, seconds=60)
    description = json.loads(ask(service, "/openapi.json")[1])
    collections = [
        path
        for path, operations in description["paths"].items()
        if "get" in operations and "{" not in path
    ]
    if not collections:
        sys.exit("/openapi.json names nothing to ask for")
    for path in collections:
        status, body = ask(service, path)
        if status not in {401, 403}:
            sys.exit(f"GET {path} without a token: {status} instead of 401 or 403\n{body}")
        sys.stdout.write(f"GET {path} without a token: {status}\n")


def wait_until_ready(service: str, seconds: float) -> None:
    """Wait for a service that may have been started a moment ago."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            status, body = ask(service, "/health/ready")
        except (OSError, HTTPException) as error:
            status, body = 0, str(error)
        if status == 200:
            return
        if time.monotonic() > deadline:
            sys.exit(f"Not ready within {seconds:.0f} s: {status or 'no answer'}\n{body}")
        time.sleep(1)


def ask(service: str, path: str) -> tuple[int, str]:
    """Return status and body of an answer, whatever the status."""
    connection = HTTPConnection(urlsplit(service).netloc, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
