"""Outbound adapters: the database, and other services."""
