"""Calls to other services: found, bounded in time, retried where that is safe, and measured."""
