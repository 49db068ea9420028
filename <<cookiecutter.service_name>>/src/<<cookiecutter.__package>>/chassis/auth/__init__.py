"""OAuth2 resource server: JWT bearer tokens (RFC 6750, RFC 9068), denied by default.

A view marked `public` needs no token; every other one needs a valid token with the scope, and from
a caller, that the policy names.
"""

from .access import ANYONE, Policy, Rule, is_public, public, rules, use_policy
from .fetch import is_trustworthy
from .guard import caller, init_app
from .metadata import Metadata
from .settings import AuthSettings
from .verifier import Caller

__all__ = [
    "ANYONE",
    "AuthSettings",
    "Caller",
    "Metadata",
    "Policy",
    "Rule",
    "caller",
    "init_app",
    "is_public",
    "is_trustworthy",
    "public",
    "rules",
    "use_policy",
]
