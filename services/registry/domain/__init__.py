"""What may be registered, and why not: pure rules over plain data."""
