"""Private keys: made, read, sealed, and used to sign. Nothing here writes one anywhere unsealed."""
