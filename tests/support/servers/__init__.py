"""Real servers for the tests, each on a free port of 127.0.0.1 and ended with them.

A server comes from the first of these that is there: the address in its `TEST_…` variable, the
programs of this machine, its public image in a Docker engine. With none of them,
`MissingServerError` says what to do.
"""


class MissingServerError(Exception):
    """This machine has no such server; the message says how to give it one."""
