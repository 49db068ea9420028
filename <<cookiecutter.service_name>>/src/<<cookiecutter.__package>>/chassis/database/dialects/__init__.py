"""The differences between databases, one module each."""
