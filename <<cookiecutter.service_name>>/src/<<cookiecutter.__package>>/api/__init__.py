"""The inbound edge: HTTP in, use cases called, HTTP out."""
