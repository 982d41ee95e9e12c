"""PersistEvents, and the history, projection and outputs that come of it."""

import threading

import pytest
import sqlalchemy as sa
from grpc import StatusCode

from services.chassis.outbox import Outbox
from services.chassis.wake import Wakeups
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.settling import Settling
from services.experiment.schema import metadata
from tests.contract.experiment.conftest import Reports
from vahana.event.v1 import event_pb2, state_pb2
from vahana.experiment.v1 import experiment_pb2, process_pb2


def whole_run(reports):
    """The events of a process with one task worth telling of, from queue to end."""
    return [
        reports.process("QUEUED", 1),
        reports.process("EXECUTING", 2, phase=state_pb2.PROCESS_PHASE_CONFIGURING_WORKSPACE),
        reports.task("env-setup", "SCHEDULED"),
        reports.task("env-setup", "EXECUTING", seq=1),
        reports.task("env-setup", "COMPLETED", seq=2),
        reports.staged("alignment", b"aligned", seq=1),
        reports.process("COMPLETED", 3),
    ]


def outputs(service, experiment_id):
    request = experiment_pb2.ListOutputsRequest(experiment_id=experiment_id)
    return list(service.experiments().ListOutputs(request).outputs)


def applied(service, experiment_id):
    return [each.applied for each in service.history(experiment_id).events]


def test_a_whole_run(service, launched, reports):
    # The staging task must be told to have begun, as in life.
    events = whole_run(reports)
    events.insert(5, reports.task("stage-out-alignment", "SCHEDULED"))
    assert service.persist(*events) == (8, 0, 0)
    answer = service.get(launched.experiment_id)
    assert answer.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED
    assert answer.process.state == state_pb2.PROCESS_STATE_COMPLETED
    setup = answer.tasks[0]
    assert (setup.state, setup.attempt) == (state_pb2.TASK_STATE_COMPLETED, 1)
    assert setup.start_time.seconds < setup.end_time.seconds
    history = service.history(launched.experiment_id).events
    assert [each.position for each in history] == list(range(1, 9))
    assert [each.change for each in history] == [each.status_changed for each in events]
    assert all(each.applied and each.record_time.seconds for each in history)
    (stored,) = outputs(service, launched.experiment_id)
    assert (stored.name, stored.file_name, stored.size) == ("alignment", "alignment.sam", 7)


def test_twice_changes_nothing(service, launched, reports):
    events = whole_run(reports)
    assert service.persist(*events) == (7, 0, 0)
    before = service.get(launched.experiment_id)
    assert service.persist(*events) == (0, 7, 0)
    assert service.persist(events[2], events[2]) == (0, 2, 0)
    assert service.get(launched.experiment_id) == before
    assert len(service.history(launched.experiment_id).events) == 7


def test_a_batch_takes_the_same_statements_however_large_it_is(service):
    recording = Recording(db := service.served.chassis.db, Wakeups(), Settling(db, Outbox(metadata)))

    def statements(runs):
        told = [event for _ in range(runs) for event in whole_run(Reports(service.launched()))]
        seen, here = [], threading.get_ident()

        def note(_connection, _cursor, statement, *_more):
            if threading.get_ident() == here:
                seen.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            assert recording.persist(process_pb2.PersistEventsRequest(events=told)).recorded == len(told)
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)
        return len(seen)

    assert 0 < statements(1) == statements(20) <= 18


def test_a_repeat_within_one_batch(service, launched, reports):
    queued = reports.process("QUEUED", 1)
    assert service.persist(queued, queued) == (1, 1, 0)


def test_in_parts_and_whole_come_to_the_same(service):
    one, two = service.launched(), service.launched()
    service.persist(*whole_run(Reports(one)))
    for event in whole_run(Reports(two)):
        service.persist(event)
    first, second = service.get(one.experiment_id), service.get(two.experiment_id)
    assert [(task.state, task.attempt, task.reason) for task in first.tasks] == [
        (task.state, task.attempt, task.reason) for task in second.tasks
    ]
    assert first.experiment.state == second.experiment.state
    assert applied(service, one.experiment_id) == applied(service, two.experiment_id)


def test_out_of_order_is_recorded_and_not_applied(service, launched, reports):
    service.persist(reports.process("EXECUTING", 2, reason="newer"), reports.process("QUEUED", 1))
    assert applied(service, launched.experiment_id) == [True, False]
    assert service.get(launched.experiment_id).process.reason == "newer"


def test_what_was_missed_may_be_skipped(service, launched, reports):
    service.persist(reports.process("COMPLETED", 9))
    assert service.get(launched.experiment_id).experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED
    service.persist(reports.process("EXECUTING", 8), reports.process("FAILED", 10))
    assert applied(service, launched.experiment_id) == [True, False, False]
    assert service.get(launched.experiment_id).experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED


def test_stale_attempts_do_not_count(service, launched, reports):
    service.persist(
        reports.task("submit", "SCHEDULED", attempt=2),
        reports.task("submit", "EXECUTING", attempt=1, reason="old"),
        reports.task("submit", "FAILED", attempt=1, seq=2, reason="old"),
        reports.task("no-such-task", "SCHEDULED"),
        reports.task("submit", "EXECUTING", attempt=2),
    )
    assert applied(service, launched.experiment_id) == [True, False, False, False, True]
    (task,) = [each for each in service.get(launched.experiment_id).tasks if each.task_id == "submit"]
    assert (task.state, task.attempt, task.reason) == (state_pb2.TASK_STATE_EXECUTING, 2, "")


def test_a_state_from_the_future_is_kept_and_not_applied(service, launched, reports):
    strange = reports.process("QUEUED", 1)
    strange.status_changed.process_state = 77
    odd = reports.task("submit", "EXECUTING")
    odd.status_changed.task_state = 77
    service.persist(strange, odd)
    assert applied(service, launched.experiment_id) == [False, False]


def test_only_the_scheduler_speaks_of_processes(service, launched, reports):
    forged = reports.process("COMPLETED", 1)
    forged.status_changed.source = "executor"
    service.persist(forged)
    assert applied(service, launched.experiment_id) == [False]


def test_unknown_processes_and_foreign_tenants_are_counted_and_dropped(service, launched, reports):
    unknown = Reports(experiment_pb2.Experiment(experiment_id="exp-x", process_id="proc-x")).process("QUEUED", 1)
    foreign = Reports(launched, tenant="other").process("FAILED", 1)
    assert service.persist(unknown, foreign, event_pb2.Envelope(id="empty"), reports.process("QUEUED", 1)) == (1, 0, 3)
    assert len(service.history(launched.experiment_id).events) == 1


def test_a_blocked_process_leaves_its_reason_with_the_experiment(service, launched, reports):
    unreachable = state_pb2.CONDITION_CODE_HOST_UNREACHABLE
    told = {"reason": "cluster does not answer", "condition_code": unreachable}
    service.persist(reports.process("EXECUTING", 1), reports.process("BLOCKED", 2, **told))
    answer = service.get(launched.experiment_id)
    assert answer.process.state == state_pb2.PROCESS_STATE_BLOCKED
    assert answer.experiment.state == state_pb2.EXPERIMENT_STATE_EXECUTING
    assert (answer.experiment.reason, answer.experiment.condition_code) == ("cluster does not answer", unreachable)
    service.persist(reports.process("EXECUTING", 3))
    answer = service.get(launched.experiment_id)
    assert (answer.experiment.reason, answer.experiment.condition_code) == ("", 0)


def test_a_job_is_shown_with_its_task(service, launched, reports):
    job = {"name": "xproc-submit.a1.g1", "job_id": "4711", "state": state_pb2.JOB_STATE_ACTIVE}
    service.persist(reports.task("submit", "SCHEDULED"), reports.task("submit", "EXECUTING", job=job))
    service.persist(reports.task("submit", "COMPLETED", seq=2))
    (task,) = [each for each in service.get(launched.experiment_id).tasks if each.task_id == "submit"]
    assert (task.job.name, task.job.job_id) == ("xproc-submit.a1.g1", "4711")


def test_a_nul_in_a_reason(service, launched, reports):
    service.persist(reports.process("QUEUED", 1, reason="a\0b"))
    assert service.get(launched.experiment_id).process.reason == "a\N{REPLACEMENT CHARACTER}b"
    assert service.history(launched.experiment_id).events[0].change.reason == "a\0b"


def test_many_processes_in_one_batch(service):
    runs = [service.launched() for _ in range(3)]
    makers = [Reports(each) for each in runs]
    events = [event for row in zip(*map(whole_run, makers), strict=True) for event in row]
    assert service.persist(*events) == (21, 0, 0)
    for each in runs:
        assert [event.position for event in service.history(each.experiment_id).events] == list(range(1, 8))


def test_history_in_pages(service, launched, reports, refused):
    service.persist(*whole_run(reports))
    listed, token = [], ""
    for expected in (3, 3, 1):
        page = service.history(launched.experiment_id, page_size=3, page_token=token)
        assert len(page.events) == expected
        listed += [each.position for each in page.events]
        token = page.next_page_token
    assert (listed, token) == (list(range(1, 8)), "")
    named = service.history(launched.experiment_id, process_id=launched.process_id)
    assert len(named.events) == 7
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        service.history(launched.experiment_id, process_id=service.launched().process_id)
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"):
        service.history(launched.experiment_id, page_token="WyJhIiwiMSJd")


def test_before_the_launch_there_is_nothing(service):
    made = service.create()
    assert not service.history(made.experiment_id).events
    assert outputs(service, made.experiment_id) == []


@pytest.mark.parametrize("who", ["user", "admin", "executor", "scheduler"])
def test_only_the_event_sink_has_events_recorded(service, refused, who):
    with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        service.processes(who).PersistEvents(process_pb2.PersistEventsRequest())
