"""gRPC in and out: one server, one client, one meaning of tokens and errors."""

import os

# gRPC reads it when it is imported, which therefore comes later. Its event engine hands every message from thread to
# thread; the poller it replaced does not, which takes a quarter off the time and the CPU of a call.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
