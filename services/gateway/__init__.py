"""One address for the whole mesh: authenticates, forwards, answers health and reflection. Keeps no state."""
