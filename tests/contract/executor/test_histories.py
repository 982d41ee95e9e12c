"""What becomes of claims and events, by what is told of their histories, in a real database of either kind."""

from typing import Any

import pytest

from services.chassis.bus.api import Received
from services.chassis.consume import Delivery
from services.executor.domain.claims import ClaimState
from tests.contract.executor.support import Executor, dispatch
from vahana.event.v1 import event_pb2


def told(executor: Executor, tenant: str = "default", **payload: Any) -> None:
    envelope = event_pb2.Envelope(tenant=tenant, **payload)
    executor.consumers.told_of_histories([Delivery(envelope, Received("vahana.history", "proc-1", b""))])


def settled(process_id: str = "proc-1") -> dict[str, Any]:
    return {"history_settled": event_pb2.HistorySettled(experiment_id="exp-1", process_id=process_id)}


def wanted(process_id: str = "proc-1") -> dict[str, Any]:
    return {"history_wanted": event_pb2.HistoryWanted(experiment_id="exp-1", process_id=process_id)}


def test_what_is_wanted_is_sent_again_with_the_same_ids(executor: Executor) -> None:
    executor.accept(dispatch("one"), dispatch("two"), dispatch("other", process_id="proc-2"))
    executor.work()
    executor.mark_all_sent()
    told(executor, tenant="other", **wanted())
    assert executor.unsent() == []
    told(executor, **wanted())
    assert sorted(executor.unsent()) == [f"executor/proc-1/{task}/1/{seq}" for task in ("one", "two") for seq in (1, 2)]


def test_of_a_settled_process_no_more_is_kept_than_bars_its_dispatches(executor: Executor) -> None:
    executor.accept(dispatch("one"), dispatch("other", process_id="proc-2"))
    executor.work()
    executor.mark_all_sent()
    executor.accept(dispatch("open"))
    executor.take()
    told(executor, tenant="other", **settled())
    assert len(executor.events()) == 5
    for _ in range(2):
        told(executor, **settled())
        assert [event.task_id for event in executor.events()] == ["other", "other", "open"]
    assert executor.claim("one").dispatch == b""
    assert executor.claim("open").dispatch
    executor.accept(dispatch("one"))
    executor.cancel(dispatch("one"))
    executor.work()
    assert executor.claim("one").state == ClaimState.ENDED
    assert [event.task_id for event in executor.events()] == ["other", "other", "open"]


def test_what_is_about_no_history_is_refused(executor: Executor) -> None:
    with pytest.raises(ValueError, match="not about a history: task_dispatched"):
        told(executor, task_dispatched=dispatch())
    with pytest.raises(ValueError, match="not about a history"):
        told(executor, tenant="", **wanted())
