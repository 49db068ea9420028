"""Print a development token, and nothing else on standard output."""

import os
import sys
from urllib.error import HTTPError

from ..api import policy
from ..chassis.auth import AuthSettings, development
from ..chassis.settings import SettingsError
from ..settings import read


def main() -> None:
    """Print a token with the scopes of SCOPES, by default all of this service's."""
    try:
        settings = read(os.environ, [AuthSettings])[AuthSettings]
        scopes = os.environ.get("SCOPES") or f"{policy.READ} {policy.WRITE}"
        sys.stdout.write(development.token(settings, os.environ, scopes) + "\n")
    except SettingsError as error:
        sys.exit(f"No token: {error}")
    except HTTPError as error:
        sys.exit(f"The identity provider refuses: {error.read().decode(errors='replace')}")
    except (OSError, ValueError) as error:
        remedy = "start it, or unset AUTH_TOKEN_URL and AUTH_ISSUER to do without it"
        sys.exit(f"The identity provider does not answer ({error}): {remedy}")
