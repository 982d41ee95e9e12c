"""The queries of profile. Each takes the transaction and the tenant first."""
