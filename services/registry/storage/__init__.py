"""The queries of the registry. Each takes the transaction and the tenant first."""
