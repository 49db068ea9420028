"""Service discovery of peers, one module for each source."""
