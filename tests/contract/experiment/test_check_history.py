"""Whether the histories of an experiment's processes are whole, as its users are told."""

from grpc import StatusCode

from services.experiment.wire.records import MOST_GAPS
from tests.contract.experiment.conftest import Reports
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2


def checked(service, experiment_id, **page):
    request = experiment_pb2.CheckHistoryRequest(experiment_id=experiment_id, **page)
    return service.experiments().CheckHistory(request)


def whole(reports, tasks):
    """All that is told of a process that fails with its first task."""
    return [
        reports.process("EXECUTING", 1),
        reports.task(tasks[0], "SCHEDULED"),
        reports.task(tasks[0], "EXECUTING"),
        reports.task(tasks[0], "FAILED", seq=2),
        reports.task(tasks[0], "FAILED", seq=2, source="scheduler"),
        *(reports.task(task, "SKIPPED", attempt=0) for task in tasks[1:]),
        reports.process("EXECUTING", 2),
        reports.process("FAILED", 3),
    ]


def planned(service, experiment_id):
    return [task.task_id for task in service.get(experiment_id).tasks]


def test_a_process_that_was_never_launched_has_no_history(service):
    assert list(checked(service, service.create().experiment_id).histories) == []


def test_what_is_missing_is_said_until_it_comes(service, launched, reports):
    events = whole(reports, planned(service, launched.experiment_id))
    service.persist(*(event for event in events if event is not events[2]))
    (found,) = checked(service, launched.experiment_id).histories
    assert found.process_id == launched.process_id
    assert (found.state, found.event_count) == (state_pb2.PROCESS_STATE_FAILED, len(events) - 1)
    assert (found.complete, found.HasField("settle_time")) == (False, False)
    assert list(found.gaps) == ["of what the executor told of attempt 1 of env-setup: 1"]
    service.persist(events[2])
    (found,) = checked(service, launched.experiment_id).histories
    assert (found.complete, list(found.gaps), found.event_count) == (True, [], len(events))
    assert found.settle_time.seconds > 0


def test_of_a_process_under_way_only_what_others_followed_is_missing(service, launched, reports):
    service.persist(reports.process("EXECUTING", 1), reports.task("env-setup", "EXECUTING"))
    (found,) = checked(service, launched.experiment_id).histories
    assert (found.complete, list(found.gaps)) == (False, [])
    service.persist(reports.process("EXECUTING", 4))
    (found,) = checked(service, launched.experiment_id).histories
    assert (found.complete, list(found.gaps)) == (False, ["of what the scheduler told of the process: 2 to 3"])


def test_no_more_than_a_hundred_sentences(service, launched, reports):
    service.persist(*(reports.task(f"task-{number}", "EXECUTING", seq=2) for number in range(MOST_GAPS + 20)))
    (found,) = checked(service, launched.experiment_id).histories
    assert len(found.gaps) == MOST_GAPS
    assert found.gaps[-1] == "and 21 more"


def test_processes_come_newest_first_in_pages(service, launched, reports):
    told = [reports]
    for _ in range(2):
        service.persist(*whole(told[-1], planned(service, launched.experiment_id)))
        told.append(Reports(service.relaunch(launched.experiment_id)))
    pages, token = [], ""
    while not pages or token:
        answer = checked(service, launched.experiment_id, page_size=1, page_token=token)
        pages.append([(each.process_id, each.complete) for each in answer.histories])
        token = answer.next_page_token
    newest = service.get(launched.experiment_id).process.process_id
    assert [len(page) for page in pages] == [1, 1, 1]
    found = [each for page in pages for each in page]
    assert found == sorted(found, reverse=True)
    assert (found[0], [complete for _, complete in found]) == ((newest, False), [False, True, True])


def test_a_token_of_another_list_is_refused(service, launched, refused):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS"):
        checked(service, launched.experiment_id, page_token="nonsense")
