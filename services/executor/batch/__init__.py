"""Job managers: how a job is handed over, once in effect, and how it is seen again."""
