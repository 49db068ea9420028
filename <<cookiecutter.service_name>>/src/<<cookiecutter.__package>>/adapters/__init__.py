"""The outbound edge: the ports of the domain, fulfilled by technology."""
