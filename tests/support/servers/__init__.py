"""Real servers for the tests, each on a free port of 127.0.0.1 and stopped with them.

A server is taken from the first of these that is available: the address in its `TEST_…` variable,
the programs of this machine, its public image in a Docker engine. Otherwise, `MissingServerError`
names the remedy.
"""


class MissingServerError(Exception):
    """The server is not available on this machine; the message names the remedy."""
