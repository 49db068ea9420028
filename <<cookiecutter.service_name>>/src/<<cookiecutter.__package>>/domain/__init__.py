"""The business domain: aggregate, events, rules. Standard library only."""
