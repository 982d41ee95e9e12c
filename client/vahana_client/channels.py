"""How a client's connection is opened: by TLS where it is told whom to trust, else in the clear."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc


def open_channel(address: str, options: Sequence[tuple[str, Any]]) -> grpc.Channel:
    """A channel to HOST:PORT, which connects with its first call.

    With VAHANA_CA_FILE, certificates to check the server's against (PEM), it uses TLS, and shows the certificate in
    VAHANA_CERTIFICATE_FILE, with its key in VAHANA_KEY_FILE, where it is asked for one. Fails with OSError where one of
    these files cannot be read.
    """
    authority = _content("VAHANA_CA_FILE")
    if authority is None:
        return grpc.insecure_channel(address, options=options)
    shown = _content("VAHANA_KEY_FILE"), _content("VAHANA_CERTIFICATE_FILE")
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(authority, *shown), options=options)


def _content(variable: str) -> bytes | None:
    file = os.environ.get(variable)
    return Path(file).expanduser().read_bytes() if file else None
