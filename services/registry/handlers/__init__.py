"""What the registry does, one method an RPC."""
