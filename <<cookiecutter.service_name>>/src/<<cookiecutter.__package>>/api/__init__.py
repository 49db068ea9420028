"""The inbound edge: HTTP in, use cases, HTTP out."""
