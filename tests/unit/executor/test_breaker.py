"""The circuit breaker of a host, and what turns say of it."""

import pytest

from services.executor.backoff import SECOND
from services.executor.domain import breaker as rules
from services.executor.domain.breaker import Breaker, Health, Sign, Signs, State

NOW = 1_000_000 * SECOND
OPEN = rules.opened(Breaker("h:22"), NOW, "gone")


def test_it_opens_once_and_is_probed_after_two_seconds() -> None:
    assert (OPEN.state, OPEN.health, OPEN.seq, OPEN.since_us) == (State.OPEN, Health.UNREACHABLE, 1, NOW)
    assert OPEN.next_probe_us == NOW + 2 * SECOND
    assert rules.opened(OPEN, NOW + SECOND, "again") == OPEN


def test_probes_begin_when_they_are_due_and_are_made_again_where_they_were_lost() -> None:
    assert rules.probing(OPEN, NOW + SECOND) == OPEN
    begun = rules.probing(OPEN, NOW + 2 * SECOND)
    assert (begun.state, begun.health) == (State.HALF_OPEN, Health.UNREACHABLE)
    assert rules.probing(begun, NOW + 3 * SECOND) == begun
    lost = NOW + 2 * SECOND + rules.PROBE_LOST_US
    assert rules.probing(begun, lost).next_probe_us == lost + rules.PROBE_LOST_US
    assert rules.probing(Breaker("h:22"), NOW) == Breaker("h:22")


def test_failed_probes_come_ever_less_often_and_are_no_news() -> None:
    breaker, waits = OPEN, []
    for _ in range(40):
        breaker = rules.probe_failed(breaker, NOW, "gone")
        waits.append((breaker.next_probe_us - NOW) // SECOND)
    assert waits[:6] == [4, 8, 16, 32, 60, 60]
    assert waits[-1] == 60
    assert (breaker.seq, breaker.since_us) == (1, NOW)


def test_a_probe_that_could_not_be_made_does_not_count() -> None:
    failed = rules.probe_failed(OPEN, NOW, "gone")
    untold = rules.probe_untold(rules.probing(failed, NOW + 4 * SECOND), NOW + 5 * SECOND)
    assert (untold.state, untold.probes, untold.next_probe_us) == (State.OPEN, 1, NOW + 7 * SECOND)
    assert rules.probe_untold(Breaker("h:22"), NOW) == Breaker("h:22")


def test_a_probe_that_reaches_the_host_closes_it_and_one_that_does_not_opens_it() -> None:
    closed = rules.closed(rules.probing(OPEN, NOW + 2 * SECOND), NOW + 3 * SECOND)
    assert (closed.state, closed.health, closed.reason, closed.condition) == (State.CLOSED, Health.HEALTHY, "", "")
    assert (closed.seq, closed.since_us, closed.next_probe_us) == (2, NOW + 3 * SECOND, 0)
    assert rules.closed(closed, NOW) == closed
    assert rules.probe_failed(Breaker("h:22"), NOW, "gone") == OPEN


def test_a_slow_host_is_told_of_but_not_one_that_does_not_answer() -> None:
    slow = rules.paced(Breaker("h:22"), NOW, slow=True)
    assert (slow.state, slow.health, slow.seq, slow.barred) == (State.CLOSED, Health.SLOW, 1, False)
    assert rules.paced(slow, NOW, slow=True) == slow
    assert rules.paced(slow, NOW, slow=False).health == Health.HEALTHY
    assert rules.paced(OPEN, NOW, slow=False) == OPEN


@pytest.mark.parametrize(
    ("breaker", "again"),
    [(OPEN, "it is tried again at 13:46:42 UTC"), (rules.probing(OPEN, NOW * 2), "it is being tried now")],
)
def test_who_waits_is_told_since_when_and_what_comes_next(breaker: Breaker, again: str) -> None:
    assert rules.spoken(breaker) == f"host h:22 does not answer since 13:46:40 UTC; {again}"


def test_three_lost_turns_in_a_row_open_it_and_one_is_doubt() -> None:
    signs = Signs()
    lost = [signs.worked(at, 1, reached=False, fast=True) for at in (10, 20, 30)]
    assert lost == [Sign.DOUBT, Sign.DOUBT, Sign.LOST]
    signs = Signs()
    signs.worked(10, 1, reached=False, fast=True)
    signs.worked(20, 1, reached=False, fast=True)
    signs.worked(21, 1, reached=True, fast=True)
    assert signs.worked(30, 1, reached=False, fast=True) is Sign.DOUBT


def test_a_lost_turn_that_began_before_the_host_was_reached_says_nothing() -> None:
    signs = Signs()
    signs.reached(20)
    assert signs.worked(30, 15, reached=False, fast=True) is Sign.NOTHING
    assert signs.worked(30, 5, reached=False, fast=True) is Sign.DOUBT


def test_three_slow_turns_in_a_row_are_slow_and_three_quick_ones_are_not() -> None:
    signs = Signs()
    assert [signs.worked(0, 6, reached=True, fast=True) for _ in range(3)][-1] is Sign.SLOW
    assert signs.worked(0, 6, reached=True, fast=False) is Sign.NOTHING
    assert [signs.worked(0, 1, reached=True, fast=False) for _ in range(3)] == [Sign.NOTHING] * 2 + [Sign.QUICK]


def test_what_was_expected_to_take_long_is_not_slow() -> None:
    signs = Signs()
    assert {signs.worked(0, 600, reached=True, fast=False) for _ in range(9)} == {Sign.NOTHING}


def test_three_turns_that_last_while_nobody_reaches_the_host_may_hang() -> None:
    signs = Signs()
    assert not signs.hangs(100, [94, 94])
    assert not signs.hangs(100, [94, 94, 96])
    assert signs.hangs(100, [94, 94, 95])
    signs.reached(96)
    assert not signs.hangs(100, [94, 94, 94])
    signs.reached(90)
    signs.doubted_at = 99
    assert not signs.hangs(100, [94, 94, 94])
