"""The domain's ports on the service's own database, by SQLAlchemy.

Statements are Core and built once: an identity map costs more than it saves in requests that touch
one row. Reads run without a transaction, each change in one.
"""

from .reader import DatabaseReader
from .tables import metadata
from .unit_of_work import DatabaseUnitOfWork

__all__ = ["DatabaseReader", "DatabaseUnitOfWork", "metadata"]
