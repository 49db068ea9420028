"""Call an application in process, a number of times: callgrind runs this for `run.py --instructions`."""

import sys


def main(name: str, path: str, token: str, times: str) -> None:
    """Call `path` of the service or of the baseline."""
    if name == "service":
        from orders.app import create_app

        app = create_app()
    else:
        from bare import app
    client = app.test_client()
    for _ in range(int(times)):
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        if answer.status_code != 200:
            sys.exit(answer.text)


main(*sys.argv[1:])
