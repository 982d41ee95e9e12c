"""vahana parked, against a fake gateway."""

import json

import pytest

from vahana.event.v1.parked_pb2 import ParkedMessage
from vahana.scheduler.v1 import parked_pb2 as pb
from vahana_client.cli.errors import ExitCode

ROW = ParkedMessage(
    parked_id="abc", topic="vahana.process", partition=3, offset=7, consumer="process", key="proc-1", reason="bad luck"
)


@pytest.fixture
def parking(gateway):
    """A gateway whose services have set one message aside each."""
    gateway.answers |= {
        "ListParkedMessages": lambda _: pb.ListParkedMessagesResponse(messages=[ROW]),
        "UnparkMessage": lambda _: pb.UnparkMessageResponse(),
        "DiscardMessage": lambda _: pb.DiscardMessageResponse(),
    }
    return gateway


def test_all_services_are_asked_unless_one_is_named(parking, vahana):
    rows = json.loads(vahana("parked", "list", "-o", "json").out)
    assert sorted(row["parked_id"] for row in rows) == [
        f"{name}/abc" for name in ("eventsink", "executor", "experiment", "registry", "scheduler")
    ]
    assert "bad luck" in vahana("parked", "list", "--service", "scheduler", "--key", "proc-1").out
    assert parking.called("ListParkedMessages")[-1].key == "proc-1"


def test_one_is_shown(parking, vahana):
    result = vahana("parked", "show", "scheduler/abc")
    assert result.code == ExitCode.OK, result.err
    assert "vahana.process/3@7" in result.out
    assert vahana("parked", "show", "scheduler/other").code == ExitCode.BAD_INPUT


@pytest.mark.parametrize(("command", "method"), [("unpark", "UnparkMessage"), ("discard", "DiscardMessage")])
def test_one_is_unparked_or_discarded(parking, vahana, command, method):
    assert vahana("parked", command, "executor/abc").code == ExitCode.OK
    assert [each.parked_id for each in parking.called(method)] == ["abc"]


def test_an_unknown_service_is_named(parking, vahana):
    result = vahana("parked", "unpark", "nowhere/abc")
    assert result.code == ExitCode.BAD_INPUT
    assert "'nowhere' is no service that parks messages" in result.err
