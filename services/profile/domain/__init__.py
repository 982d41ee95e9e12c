"""What may be stored and signed, and why not: pure rules over plain data."""
