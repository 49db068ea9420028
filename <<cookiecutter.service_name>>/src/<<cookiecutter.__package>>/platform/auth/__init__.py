"""OAuth2 resource server: JWT bearer tokens (RFC 6750, RFC 9068) in front of every view.

Deny by default: a view is open only if it is marked `public`; any other wants a valid token with
the scope, and from a caller, that the policy names for it.
"""

from .guard import caller, init_app
from .settings import AuthSettings as Settings
from .tokens import Caller

__all__ = ["Caller", "Settings", "caller", "init_app"]
