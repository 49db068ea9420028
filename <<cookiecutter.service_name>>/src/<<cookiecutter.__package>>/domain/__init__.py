"""What the service is about: the aggregate, its events, its rules. Standard library only."""
