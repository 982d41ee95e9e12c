"""Use cases, one method a call. Messages come in and go out; times, tables and peers are behind what they are given."""
