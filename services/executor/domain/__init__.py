"""What an executor decides without touching anything: pure code."""
