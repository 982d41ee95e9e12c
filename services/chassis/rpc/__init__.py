"""gRPC in and out: one server, one client, one meaning of tokens and errors."""
