"""Queries. Each takes a connection inside a transaction and, but for those of the mesh itself, the tenant."""
