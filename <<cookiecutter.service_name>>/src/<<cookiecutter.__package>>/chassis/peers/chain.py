"""The chain that every call to a peer passes.

From the outside in: fallback, bulkhead, retry, circuit breaker, load balancer, span and metric, HTTP.
"""

from ..discovery.resolution import Resolver
from .breaker import CircuitBreaker
from .bulkhead import Bulkhead
from .connections import Pools
from .fallback import Fallback, FallbackResponse
from .http import HttpExchange
from .instrumentation import Instrumented
from .load_balancer import LoadBalancer
from .messages import Transport
from .retry import Retry
from .settings import PeerCallSettings


def chain(
    peer: str,
    resolver: Resolver,
    pools: Pools,
    settings: PeerCallSettings,
    fallback: FallbackResponse | None = None,
) -> Transport:
    """Return the transport to a peer."""
    exchange = Instrumented(peer, HttpExchange(peer, pools))
    balanced = LoadBalancer(peer, resolver, exchange, settings.ejection_seconds)
    return resilient(peer, balanced, settings, fallback)


def resilient(
    peer: str,
    transport: Transport,
    settings: PeerCallSettings,
    fallback: FallbackResponse | None = None,
) -> Transport:
    """Return a transport that bounds, retries and breaks calls through another."""
    breaking = CircuitBreaker(peer, transport, settings)
    retrying = Retry(peer, breaking, settings)
    bounded = Bulkhead(peer, retrying, settings.max_concurrent_calls)
    return Fallback(bounded, fallback) if fallback else bounded
