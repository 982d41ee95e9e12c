"""Fetches a provider's keys: one GET, bounded in time and size, that goes where it was told and nowhere else."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from urllib.parse import SplitResult, urlsplit

from services.profile.oidc.resolve import Endpoint, endpoints

TIMEOUT_S = 5.0
"""How long it may take, from the question for its address to the last byte read."""
LARGEST = 256 * 1024
"""Most bytes an answer may have."""
_HEADERS = {"Accept": "application/jwk-set+json, application/json", "User-Agent": "vahana", "Connection": "close"}


class FetchFailed(Exception):  # noqa: N818 - says what is the matter
    """Nothing usable came. The message says why, and nothing of what came."""


def fetch(uri: str, *, private: bool = False) -> bytes:
    """What an https URI holds, or an http one of this machine. Raises FetchFailed.

    `private`: it may be at an address that is not public, as every http one is.
    """
    try:
        return _Fetch(urlsplit(uri), private=private).run()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchFailed(f"{type(error).__name__} on the way to the provider's keys") from error


class _Fetch:
    """One fetch under way."""

    def __init__(self, uri: SplitResult, *, private: bool) -> None:
        self._uri = uri
        self._private = private
        self._until = time.monotonic() + TIMEOUT_S

    def run(self) -> bytes:
        with contextlib.closing(self._secured(self._connect())) as sock:
            # A server that sends a byte now and then stays within every timeout of a single read.
            cut = threading.Timer(self._left(), _cut, [sock])
            cut.daemon = True
            cut.start()
            try:
                return self._get(sock)
            finally:
                cut.cancel()

    def _connect(self) -> socket.socket:
        host, plain = self._uri.hostname, self._uri.scheme == "http"
        if not host:
            raise OSError("there is no host")
        port = self._uri.port or (http.client.HTTP_PORT if plain else http.client.HTTPS_PORT)
        refused: OSError | None = None
        for endpoint in endpoints(host, port, self._left(), plain=plain, private=self._private):
            try:
                return self._connected(endpoint)
            except OSError as error:
                refused = error
        raise refused or OSError("the host has no address")

    def _connected(self, endpoint: Endpoint) -> socket.socket:
        """A connection to the very address that was found to be allowed."""
        sock = socket.socket(endpoint.family, endpoint.kind, endpoint.protocol)
        try:
            sock.settimeout(self._left())
            sock.connect(endpoint.address)
        except BaseException:
            sock.close()
            raise
        return sock

    def _secured(self, sock: socket.socket) -> socket.socket:
        if self._uri.scheme != "https":
            return sock
        context = ssl.create_default_context()
        return context.wrap_socket(sock, server_hostname=self._uri.hostname, do_handshake_on_connect=False)

    def _get(self, sock: socket.socket) -> bytes:
        sock.settimeout(self._left())
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        connection = http.client.HTTPConnection(self._uri.hostname or "", self._uri.port)
        connection.sock = sock
        connection.request("GET", _target(self._uri), headers=_HEADERS)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise FetchFailed(f"the provider answered {answer.status} instead of its keys")
        content = answer.read(LARGEST + 1)
        self._left()  # what was cut off looks like the end
        if len(content) > LARGEST:
            raise FetchFailed(f"the provider's keys are over {LARGEST} bytes")
        return content

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the provider took too long")
        return left


def _target(uri: SplitResult) -> str:
    return (uri.path or "/") + (f"?{uri.query}" if uri.query else "")


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not that of a TLS socket, which would take its state from under the thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
