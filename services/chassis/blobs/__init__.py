"""The content-addressed blob store: a port and its implementations."""
