"""A history is whole where nothing was left out of it, in whatever order it came; whatever is left out is missed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.experiment.domain.completeness import LONGEST_WAIT_US, Told, gaps, holes, next_wait_us
from services.experiment.domain.transitions import ProcessState as P
from services.experiment.domain.transitions import TaskState as T


def process(*states):
    """What the scheduler tells of the process."""
    return [Told("scheduler", "", 0, seq, process_state=int(state)) for seq, state in enumerate(states, 1)]


def stream(source, task_id, attempt, *states):
    """What a source tells of an attempt."""
    return [Told(source, task_id, attempt, seq, task_state=int(state)) for seq, state in enumerate(states, 1)]


@st.composite
def task(draw, task_id):
    """All that is told of a task, from its first attempt to its end."""
    never_begun = draw(st.sampled_from([T.SKIPPED, T.CANCELED, None]))
    if never_begun is not None:
        return stream("scheduler", task_id, 0, never_begun)
    told, failed = [], draw(st.integers(0, 3))
    for attempt in range(1, failed + 1):
        told += stream("scheduler", task_id, attempt, T.SCHEDULED)
        told += stream("executor", task_id, attempt, *[T.EXECUTING] * draw(st.integers(0, 2)), T.FAILED)
    return told + draw(last_attempt(task_id, failed + 1))


@st.composite
def last_attempt(draw, task_id, attempt):
    match draw(st.sampled_from(["done", "failed", "canceled", "canceled before it began"])):
        case "canceled before it began" if attempt > 1:
            return stream("scheduler", task_id, attempt, T.CANCELED)
        case "failed":
            worked = (*[T.EXECUTING] * draw(st.integers(0, 2)), T.FAILED)
            opened = (T.SCHEDULED, T.FAILED)
        case end:
            last = T.COMPLETED if end == "done" else T.CANCELED
            worked, opened = (*[T.EXECUTING] * draw(st.integers(0, 2)), last), (T.SCHEDULED,)
    return stream("scheduler", task_id, attempt, *opened) + stream("executor", task_id, attempt, *worked)


@st.composite
def histories(draw):
    """A whole history in any order, and the tasks that were planned."""
    tasks = [f"task-{number}" for number in range(draw(st.integers(1, 4)))]
    told = process(P.QUEUED, *[P.EXECUTING] * draw(st.integers(1, 3)), draw(st.sampled_from([P.COMPLETED, P.FAILED])))
    for task_id in tasks:
        told += draw(task(task_id))
    return draw(st.permutations(told)), tasks


@given(histories())
def test_what_is_whole_has_no_gaps_in_any_order(made):
    told, tasks = made
    assert gaps(told, tasks) == []


@given(histories(), st.data())
def test_whatever_is_left_out_is_missed(made, data):
    told, tasks = made
    left_out = data.draw(st.sets(st.integers(0, len(told) - 1), min_size=1))
    assert gaps([each for number, each in enumerate(told) if number not in left_out], tasks)


@given(histories(), st.data())
def test_what_comes_twice_changes_nothing(made, data):
    told, tasks = made
    again = data.draw(st.lists(st.sampled_from(told)))
    assert gaps([*told, *again], tasks) == []


ENDED = process(P.QUEUED, P.EXECUTING, P.FAILED)
OPENED = stream("scheduler", "submit", 1, T.SCHEDULED)


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        (process(P.QUEUED, P.EXECUTING), ["the end of the process", "all that was told of submit"]),
        ([], ["the end of the process", "all that was told of submit"]),
        ([*ENDED, *OPENED], ["all that the executor told of attempt 1 of submit", "the end of submit"]),
        (
            [*ENDED, *OPENED, *stream("executor", "submit", 1, T.EXECUTING)],
            ["the end of attempt 1 of submit", "the end of submit"],
        ),
        ([*ENDED, *OPENED, *stream("executor", "submit", 1, T.FAILED)], ["the end of submit"]),
        (
            [*ENDED, *stream("executor", "submit", 1, T.EXECUTING, T.COMPLETED)],
            ["all that the scheduler told of attempt 1 of submit"],
        ),
        (
            [*ENDED, *stream("scheduler", "submit", 4, T.CANCELED)],
            ["all that was told of attempts of submit: 1 to 3"],
        ),
        (
            [ENDED[0], *ENDED[2:], *stream("scheduler", "submit", 0, T.SKIPPED)],
            ["of what the scheduler told of the process: 2"],
        ),
    ],
)
def test_what_is_missing_is_said_in_words(told, missing):
    assert gaps(told, ["submit"]) == missing


def test_a_plan_that_was_refused_left_nothing_to_tell_of_its_tasks():
    assert gaps(process(P.QUEUED, P.FAILED), ["submit"]) == []
    assert gaps(process(P.QUEUED, P.COMPLETED), ["submit"]) == ["all that was told of submit"]


def test_of_a_process_under_way_only_what_others_followed_is_missing():
    begun = [*process(P.QUEUED), *stream("executor", "submit", 1, *[T.EXECUTING] * 9)]
    assert holes(begun) == []
    left_out = [each for each in begun if each.seq not in {2, 4, 5, 6}]
    assert holes(left_out) == ["of what the executor told of attempt 1 of submit: 2, 4 to 6"]


def test_numbers_that_cannot_be_cost_nothing():
    far = [Told("executor", "submit", 2**32 - 1, 2**63), Told("executor", "submit", 1, 0)]
    missing = gaps([*ENDED, *far], [])
    assert f"of what the executor told of attempt {2**32 - 1} of submit: 1 to {2**63 - 1}" in missing
    assert f"all that was told of attempts of submit: 1 to {2**32 - 2}" in missing


def test_waits_are_doubled_up_to_ten_minutes():
    waits = [next_wait_us(asked) for asked in range(2000)]
    assert waits[:3] == [5_000_000, 10_000_000, 20_000_000]
    assert all(before <= after for before, after in pairwise(waits))
    assert waits[-1] == LONGEST_WAIT_US
