"""The log: one JSON object a line, without secrets."""

import json
import logging

import pytest
import structlog

from services.chassis import log


@pytest.fixture
def lines(capsys):
    log.configure("probe", "info")
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    structlog.contextvars.clear_contextvars()


def test_an_event_with_its_context(lines):
    with structlog.contextvars.bound_contextvars(request_id="req-1", tenant="physics"):
        log.get("somewhere").info("stored", count=3)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    expected = {"module": "somewhere", "event": "stored", "count": 3, "level": "info", "service": "probe"}
    assert line == {**expected, "request_id": "req-1", "tenant": "physics"}


@pytest.mark.parametrize(
    "key", ["token", "authorization", "Authorization", "private_key", "challenge", "signature", "password"]
)
def test_secrets_are_blotted_out_at_any_depth(lines, key):
    log.get("somewhere").info("called", **{key: "hush"}, deep={"list": [{key: "hush"}, "kept"]})
    (line,) = lines()
    assert "hush" not in json.dumps(line)
    assert line[key] == line["deep"]["list"][0][key] == "[redacted]"
    assert line["deep"]["list"][1] == "kept"


def test_libraries_write_the_same_way_and_not_too_much(lines):
    logging.getLogger("some.library").warning("odd: %s", 7)
    logging.getLogger("paramiko.transport").info("Connected")
    log.get("somewhere").debug("below the level")
    (line,) = lines()
    assert (line["event"], line["logger"], line["service"]) == ("odd: 7", "some.library", "probe")


def test_an_exception_is_one_line(lines):
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError:
        log.get("somewhere").exception("broken")
    (line,) = lines()
    assert line["level"] == "error"
    assert line["exception"].endswith("ZeroDivisionError: why")
