"""Outbound adapters: the database, other services, or memory in tests."""
