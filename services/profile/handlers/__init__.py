"""What profile does, one method an RPC."""
