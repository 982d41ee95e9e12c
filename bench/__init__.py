"""Measures what Vahana promises, on a mesh of its own: `python -m bench`."""
