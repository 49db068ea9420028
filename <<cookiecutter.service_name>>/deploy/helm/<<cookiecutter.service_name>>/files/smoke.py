"""Smoke test of a release: `smoke.py http://service:8000`.

The service has to become ready within a minute, and every collection in its OpenAPI document has to
reject a caller without a token. That needs no secret and changes nothing.
"""

import json
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener


def main(service: str) -> None:
    """Exit with the reason if the service fails."""
    deadline = time.monotonic() + 60
    while (answer := get(f"{service}/health/ready"))[0] != 200:
        if time.monotonic() > deadline:
            sys.exit(f"Not ready within a minute: {answer[0] or 'no response'}\n{answer[1]}")
        time.sleep(1)
    paths = json.loads(get(f"{service}/openapi.json")[1])["paths"]
    collections = [path for path, item in paths.items() if "get" in item and "{" not in path]
    statuses = {path: get(service + path)[0] for path in collections}
    sys.stdout.write(f"GET without a token: {statuses}\n")
    if not statuses or not set(statuses.values()) <= {401, 403}:
        sys.exit("Every collection has to answer 401 or 403")


def get(url: str) -> tuple[int, str]:
    """Return status and body of a response; status 0 without one."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except (OSError, HTTPException) as error:
        return 0, str(error)


if __name__ == "__main__":
    main(sys.argv[1])
