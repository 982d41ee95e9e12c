"""Between the registry's protos and its domain, both ways."""
