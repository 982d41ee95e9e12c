"""What random requests are filled with."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

WILD_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), -1, 2**31 - 1, 1_000_000_001),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), -1, 2**31, 2**53 + 1, 253_402_300_800, 10**13, 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (2**31 - 1, 2**31, 2**32 - 1, 1001, 65_536),
    FieldDescriptor.CPPTYPE_UINT64: (2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1),
}
"""Beyond what columns, timestamps and Python's own libraries take."""
SMALL = (0, 0, 1, 2, 22)
ENDLESS = (0.0, -1.0, 1e308, float("nan"), float("inf"))

WILD_TEXTS = (
    "",
    "\0",
    "a\0b",
    "\u202e\U0001f9ec",
    "\ufeff\ufffe\U0010ffff",
    "\u0661\u0662",  # digits to Python, and to nobody else
    "é" * 400,
    "x" * 300,
    "x" * 70_000,
    "../../etc/passwd",
    "' OR 1=1 --",
    "%s%n{}{0}$(id)`id`",
    "{inputs.x}{",
    "{resources.cpu_count.__class__}",
    "\r\nx-injected: 1",
    "\x1b[2J",
    "-",
    " ",
    "NaN",
    "1e400",
    "9" * 30,
    "[::1]",
    "[",
    "https://[",
    "https://host:99999999/",
    "s3://\0/x",
    "{" * 200,
    "[" * 3000,
)


def _token(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


WILD_TOKENS = (
    *(each for each in WILD_TEXTS if len(each) < 1000),
    _token(),
    *(_token(*["9" * 30] * count) for count in range(1, 5)),
    *(_token(*["-" + "9" * 18] * count) for count in range(1, 5)),
    *(_token(*["\ud800"] * count) for count in range(1, 5)),
    *(_token(*["\u0661"] * count) for count in range(1, 5)),
    *(_token(*["1"] * count) for count in range(1, 5)),
    *(_token(*[first, *["x"] * count]) for first in ("1", "9" * 25) for count in range(1, 4)),
    *(_token("x", each) for each in ("9" * 25, "1e3", "-1", "\ud800", "1_0", " 1")),
    _token(1, None),
    _token("9" * 600),
    base64.urlsafe_b64encode(b"[" * 700).decode(),
    base64.urlsafe_b64encode(b'["\xed\xa0\x80"]').decode(),
    base64.urlsafe_b64encode(b"[NaN]").decode(),
    "AAAA",
    "WyJhIl0",
    "WyJhIl0=",
    "garbage",
)
"""Page tokens: of no list, of other lists, and of a list whose keys do not fit its columns."""

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7kQ0j2hJm2v3nT0b8M8M7X1rJ5lq0nU2Qm0N4rXw1b"
PLAUSIBLE: dict[str, tuple[str, ...]] = {
    "name": ("alpha", "beta", "gamma", "delta"),
    "version": ("1.0", "2.0"),
    "address": ("127.0.0.1", "localhost"),
    "login": ("ada", "root"),
    "scratch": ("/scratch", "/"),
    "host_keys": (_KEY,),
    "request_id": ("", "", "", "again", "once"),
    "sha256": ("0" * 64, "ab" * 32),
    "page_token": ("", "", *WILD_TOKENS[-12:]),
    "file_name": ("data.txt", "..", "a b"),
    "executable": ("/bin/echo", "echo"),
    "arguments": ("x", "{inputs.seed_text}", "{resources.cpu_count}", "{unknown}"),
    "launcher": ("mpirun", "-n", "{resources.cpu_count}"),
    "email": ("a@example.org", ""),
    "scopes": ("*", "experiment:read", "profile:write"),
    "location": ("/data", "https://host.example.org/data", "s3://bucket/x", "sftp://host.example.org/x"),
    "issuer": ("https://issuer.example.org",),
    "jwks_uri": ("https://id.invalid/jwks",),
    "file": ("out.txt", "/abs", "a/../b"),
    "option": ("-x", "--x=", ""),
    "algorithms": ("RS256", "HS256", "none"),
    "challenge": ("x" * 64,),
    "owner": ("profile", "registry", "admin"),
    "permission": ("",),
}
"""Texts for fields of these names; those of "name" for all others."""
