"""Registration of this process with a service registry, one module for each registry."""
