"""The contracts say of every call what it does and how it may fail, in words that are true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from services.gateway.table import PRIVATE, PUBLIC

PROTOS = sorted(Path(__file__).parents[2].glob("protos/vahana/*/v1/*.proto"))
_RPC = re.compile(r"((?:^ *//[^\n]*\n)+) *rpc (\w+)\(", re.MULTILINE)
_SERVICE = re.compile(r"((?:^//[^\n]*\n)+)service (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_REASON = re.compile(r"  // ([A-Z_]+): [^\n]*\n(?:  //[^\n]*\n)*  REASON_(\w+) = ")
_CODE_AND_REASON = re.compile(r"\b([A-Z][A-Z_]{3,}) \(([A-Z_]+(?:, [A-Z_]+)*)\)")


def _reasons() -> dict[str, str]:
    (errors,) = [each for each in PROTOS if each.name == "error.proto"]
    return {reason: code for code, reason in _REASON.findall(errors.read_text())}


def _comments() -> Iterator[tuple[str, str]]:
    """Every RPC with its comment and that of its service, as one text."""
    for proto in PROTOS:
        for about, service, body in _SERVICE.findall(proto.read_text()):
            for comment, rpc in _RPC.findall(body):
                yield f"{proto.parts[-3]}.{service}.{rpc}", " ".join((_text(about), _text(comment)))


def _text(comment: str) -> str:
    return " ".join(line.strip().removeprefix("//").strip() for line in comment.splitlines())


def test_every_rpc_has_a_comment_of_its_own():
    described = [name for name, _ in _comments()]
    table = [
        f"{service.full_name.split('.')[1]}.{service.name}.{method.name}"
        for services in [*PUBLIC.values(), *PRIVATE.values()]
        for service in services
        for method in service.methods
    ]
    assert sorted(described) == sorted(table)
    assert all(comment.endswith(".") for _, comment in _comments())


@pytest.mark.parametrize(("name", "comment"), [pytest.param(*each, id=each[0]) for each in _comments()])
def test_codes_and_reasons_belong_together(name, comment):
    reasons = _reasons()
    assert len(reasons) >= 14
    for code, named in _CODE_AND_REASON.findall(comment):
        for reason in named.split(", "):
            assert reasons.get(reason) == code, f"{name}: {code} ({reason})"


def test_what_reads_is_marked_and_what_writes_is_not():
    reading = ("Get", "List", "Watch", "Stat", "Download", "Export", "Find", "Read", "Render", "Check", "Explain")
    for services in [*PUBLIC.values(), *PRIVATE.values()]:
        for method in (method for service in services for method in service.methods):
            marked = method.GetOptions().idempotency_level == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
            assert marked is method.name.startswith(reading), method.full_name
