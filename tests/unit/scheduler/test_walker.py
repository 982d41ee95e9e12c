"""The walker decides once over every task, by its rule, in whatever order things end."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler import walker
from services.scheduler.domain.states import ProcessState, TaskState, TriggerRule
from services.scheduler.walker import Node, PlanUnwalkableError, Step, Tally, Verdict

DONE, FAILED, SKIPPED, CANCELED = TaskState.COMPLETED, TaskState.FAILED, TaskState.SKIPPED, TaskState.CANCELED
R = TriggerRule


class Walked:
    """A whole process walked step by step: `choose` picks which running task ends next, `outcomes` says how."""

    def __init__(
        self, plan: Sequence[Node], outcomes: dict[str, TaskState], choose: Callable[[list[str]], str]
    ) -> None:
        walker.check(plan)
        self.rules = {node.task_id: node.rule for node in plan}
        self.waiting = walker.dependents(plan)
        self.started: Counter[str] = Counter()
        self.ends: dict[str, TaskState] = {}
        self.running: list[str] = []
        first = walker.start(plan)
        self.tallies = dict(first.tallies)
        self._take(first)
        while self.running:
            name = choose(self.running)
            self.running.remove(name)
            self._end([(name, outcomes[name])])

    def _take(self, step: Step) -> None:
        self.tallies.update(step.tallies)
        self.running += step.run
        self.started.update(step.run)
        if step.skip:
            self._end([(name, SKIPPED) for name in step.skip])

    def _end(self, ended: list[tuple[str, TaskState]]) -> None:
        for name, state in ended:
            assert name not in self.ends
            self.ends[name] = state
        self._take(walker.advance([(state, self.waiting[name]) for name, state in ended], self.rules, self.tallies))


@st.composite
def dags(draw: st.DrawFn) -> tuple[list[Node], dict[str, TaskState]]:
    size = draw(st.integers(1, 14))
    plan: list[Node] = []
    for number in range(size):
        before = [node.task_id for node in plan]
        depends_on = draw(st.lists(st.sampled_from(before), unique=True, max_size=4)) if before else []
        rules = list(TriggerRule) if depends_on else [rule for rule in TriggerRule if rule is not R.ONE_FAILED]
        plan.append(Node(f"t{number}", draw(st.sampled_from(rules)), tuple(depends_on)))
    ends = st.sampled_from([DONE, FAILED, CANCELED])
    return plan, {node.task_id: draw(ends) for node in plan}


@given(dags(), st.randoms(use_true_random=False))
def test_every_process_ends_with_each_task_run_at_most_once(
    drawn: tuple[list[Node], dict[str, TaskState]], dice: random.Random
) -> None:
    plan, outcomes = drawn
    walked = Walked(plan, outcomes, dice.choice)
    assert walked.ends.keys() == {node.task_id for node in plan}
    assert set(walked.started.values()) <= {1}
    assert all(walked.started[name] == (state is not SKIPPED) for name, state in walked.ends.items())
    assert all(tally.pending == 0 for tally in walked.tallies.values())


@given(dags(), st.randoms(use_true_random=False))
def test_the_order_of_ends_changes_nothing(drawn: tuple[list[Node], dict[str, TaskState]], dice: random.Random) -> None:
    plan, outcomes = drawn
    in_turn = Walked(plan, outcomes, lambda running: running[0])
    mixed = Walked(plan, outcomes, dice.choice)
    assert mixed.ends == in_turn.ends


@given(dags())
def test_a_task_is_decided_over_when_all_its_ancestors_have_ended(
    drawn: tuple[list[Node], dict[str, TaskState]],
) -> None:
    plan, outcomes = drawn
    ended_at = {name: place for place, name in enumerate(Walked(plan, outcomes, lambda running: running[-1]).ends)}
    for node in plan:
        assert all(ended_at[name] < ended_at[node.task_id] for name in node.depends_on)


@given(dags())
def test_rules_mean_what_they_say(drawn: tuple[list[Node], dict[str, TaskState]]) -> None:
    plan, outcomes = drawn
    ends = Walked(plan, outcomes, lambda running: running[0]).ends
    for node in plan:
        before = [ends[name] for name in node.depends_on]
        runs = {
            R.ALL_SUCCESS: all(end is DONE for end in before),
            R.ALL_DONE: True,
            R.ONE_FAILED: any(end in {FAILED, CANCELED} for end in before),
            R.NONE_SKIPPED: all(end is not SKIPPED for end in before),
        }[node.rule]
        assert (ends[node.task_id] is not SKIPPED) == runs


@pytest.mark.parametrize(
    ("rule", "ends", "expected"),
    [
        (R.ALL_SUCCESS, [DONE, DONE], Verdict.RUN),
        (R.ALL_SUCCESS, [DONE, FAILED], Verdict.SKIP),
        (R.ALL_SUCCESS, [DONE, SKIPPED], Verdict.SKIP),
        (R.ALL_SUCCESS, [DONE, CANCELED], Verdict.SKIP),
        (R.ALL_DONE, [FAILED, SKIPPED], Verdict.RUN),
        (R.ONE_FAILED, [DONE, FAILED], Verdict.RUN),
        (R.ONE_FAILED, [DONE, SKIPPED], Verdict.SKIP),
        (R.NONE_SKIPPED, [DONE, FAILED], Verdict.RUN),
        (R.NONE_SKIPPED, [DONE, SKIPPED], Verdict.SKIP),
    ],
)
def test_each_rule(rule: TriggerRule, ends: list[TaskState], expected: Verdict) -> None:
    tally = Tally(len(ends))
    for end in ends:
        assert walker.verdict(rule, tally) is Verdict.WAIT
        tally = tally.after(end)
    assert walker.verdict(rule, tally) is expected


def test_a_fan_of_ten_thousand_costs_as_much_as_it_has_edges() -> None:
    names = [f"t{number}" for number in range(10_000)]
    plan = [
        Node("setup", R.ALL_SUCCESS),
        *(Node(name, R.ALL_SUCCESS, ("setup",)) for name in names),
        Node("cleanup", R.ALL_DONE, tuple(names)),
    ]
    walker.check(plan)
    waiting = walker.dependents(plan)
    tallies = dict(walker.start(plan).tallies)
    rules = {node.task_id: node.rule for node in plan}
    opened = walker.advance([(DONE, waiting["setup"])], rules, tallies)
    assert opened.run == names
    moved = 0
    for name in names:
        step = walker.advance([(DONE, waiting[name])], rules, tallies)
        tallies.update(step.tallies)
        moved += len(step.tallies)
    assert step.run == ["cleanup"]
    assert moved == len(names)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ([], "no tasks"),
        ([Node("a", R.ALL_DONE), Node("a", R.ALL_DONE)], "a stands in the plan twice"),
        ([Node("a", R.ALL_DONE, ("b",)), Node("b", R.ALL_DONE)], "waits for b, which does not stand before"),
        ([Node("a", R.ALL_DONE, ("a",))], "waits for a, which does not stand before"),
        ([Node("a", R.ALL_DONE), Node("b", R.ALL_DONE, ("a", "a"))], "waits for a twice"),
        ([Node("a", R.ONE_FAILED)], "for failures and waits for no task"),
    ],
)
def test_a_plan_that_is_no_dag_is_refused(plan: list[Node], told: str) -> None:
    with pytest.raises(PlanUnwalkableError, match=told):
        walker.check(plan)


def test_how_a_process_ends() -> None:
    assert walker.process_end(1, failed=True) is None
    assert walker.process_end(0, failed=True) is ProcessState.FAILED
    assert walker.process_end(0, failed=False) is ProcessState.COMPLETED


def test_which_ends_fail_the_process() -> None:
    fails = {
        (required, end, rule)
        for required, end, rule in itertools.product([True, False], [DONE, FAILED, SKIPPED, CANCELED], TriggerRule)
        if walker.fails_process(required, end, rule)
    }
    expected = {(True, end, rule) for end in (FAILED, SKIPPED, CANCELED) for rule in TriggerRule}
    assert fails == expected - {(True, SKIPPED, R.ONE_FAILED)}
