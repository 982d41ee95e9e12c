"""The `vahana` command."""
