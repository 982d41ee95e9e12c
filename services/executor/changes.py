"""What follows for a claim from what happened to it: its new values, and the events that tell of it.

A change is made from the claim as it was read; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from services.chassis.bus.topics import STATUS
from services.chassis.outbox import OutboxRow
from services.executor import wire
from services.executor.backoff import SECOND, Backoff, give_up_at, next_try, spoken
from services.executor.domain import breaker
from services.executor.domain.breaker import Breaker
from services.executor.domain.cancels import LEAVES_JOBS, may_run
from services.executor.domain.claims import Claim, ClaimState
from services.executor.domain.outcomes import Canceled, Done, Outcome, Postponed, Watched
from services.executor.domain.troubles import Condition, Failure, Trouble, Waiting
from vahana.event.v1 import event_pb2, state_pb2

TAKEOVERS = 10
"""The holder of a claim may die this often, without the claim getting on in between, before it is parked. Whatever a
holder has in hand is blamed for its death, up to a pool's worth, and nearly all of it are bystanders: executors killed
from outside every few seconds took three deaths for the fault of a third of all that was in hand.
"""
DEFAULT_BUDGET_US = 15 * 60 * SECOND

EXECUTING, COMPLETED, FAILED, CANCELED = (
    state_pb2.TASK_STATE_EXECUTING,
    state_pb2.TASK_STATE_COMPLETED,
    state_pb2.TASK_STATE_FAILED,
    state_pb2.TASK_STATE_CANCELED,
)
_CLEAR = {"blocked": False, "barred": False, "condition": "", "reason": "", "tries": 0, "takeovers": 0}
_RELEASED = {"holder": "", "lease_until_us": 0}


@dataclass(frozen=True, slots=True)
class Change:
    """One write of a claim; without values there is nothing to write."""

    before: Claim
    values: dict[str, Any]
    events: Sequence[OutboxRow] = ()


def event(claim: Claim, seq: int, state: state_pb2.TaskState.ValueType, now: int, **what: Any) -> OutboxRow:
    """Return an event about a claim, to be sent."""
    return OutboxRow(STATUS, claim.process_id, wire.status(claim, seq, state, now_us=now, **what), claim.key.ref)


def begun(claim: Claim, now: int, holder: str, lease_seconds: float) -> dict[str, Any]:
    """The values by which a claim becomes a worker's."""
    return {
        "state": ClaimState.CLAIMED,
        "epoch": claim.epoch + 1,
        "holder": holder,
        "lease_until_us": now + int(lease_seconds * SECOND),
    }


def taken(claim: Claim, now: int, holder: str, lease_seconds: float) -> Change:
    """A worker claims it; but one that is to be ended is, and one whose holders keep dying is set aside.

    A claim found in the state CLAIMED was left by a holder that died over it, and that counts, however the death
    was seen: by an expired lease or, on SQLite, by the file lock. Uncounted, a task that kills its executor would
    do so for ever. Whatever gets the claim on starts the count again, and a parked attempt may be retried, so that
    a bystander of other crashes is not lost; but not one whose program may have run, which nobody looked for.
    """
    if claim.cancel:
        return closed(claim, now)
    takeovers = claim.takeovers + (claim.state == ClaimState.CLAIMED)
    if takeovers >= TAKEOVERS:
        reason = f"{TAKEOVERS} executors in a row died while they worked on this attempt; it was set aside"
        again = claim.type not in LEAVES_JOBS
        return _failed(claim, now, Failure(Condition.TAKEOVERS_EXHAUSTED, reason, retryable=again))
    values = {**begun(claim, now, holder, lease_seconds), "takeovers": takeovers}
    return _change(claim, values, [] if claim.seq else [event(claim, 1, EXECUTING, now)])


def settled(claim: Claim, verdict: Outcome | Trouble | None, now: int, backoff: Backoff, random: Random) -> Change:
    """A turn at a claim is over: the worker's, or the poller's that watches it. None: it goes on."""
    match verdict:
        case None:
            return going_on(claim, now)
        case Done():
            return _completed(claim, now, verdict)
        case Watched():
            return _watched(claim, now, verdict)
    if claim.cancel and claim.state == ClaimState.CLAIMED:
        return closed(claim, now)
    return _unfinished(claim, verdict, now, backoff, random)


def _unfinished(
    claim: Claim, verdict: Postponed | Canceled | Trouble, now: int, backoff: Backoff, random: Random
) -> Change:
    match verdict:
        case Postponed():
            again = {"state": ClaimState.ACCEPTED, "next_try_us": now + int(verdict.seconds * SECOND), **_RELEASED}
            return _change(claim, {**again, "takeovers": 0, "reason": verdict.reason})
        case Canceled():
            return canceled(claim, now, verdict)
        case Waiting():
            return _blocked(claim, now, verdict, backoff, random)
        case Failure():
            return _failed(claim, now, verdict)
    raise TypeError(f"no verdict: {verdict!r}")


def going_on(claim: Claim, now: int) -> Change:
    """A blocked attempt goes on. A watched job may be blocked again, with a budget of its own."""
    values: dict[str, Any] = dict(_CLEAR)
    if claim.state == ClaimState.WATCHED:
        values["blocked_since_us"] = 0
    return _change(claim, values, [event(claim, claim.seq + 1, EXECUTING, now)])


def barred(claim: Claim, now: int, host: Breaker) -> Change:
    """Nobody begins at the claim's host, which does not answer; it waits for that until its budget is spent."""
    if claim.cancel:
        return closed(claim, now)
    since, budget = claim.blocked_since_us or now, budget_us(claim)
    end = give_up_at(since, budget)
    if now >= end:
        return _failed(claim, now, _given_up(budget, Condition.HOST_UNREACHABLE, breaker.spoken_last(host)))
    told = {"condition": Condition.HOST_UNREACHABLE, "reason": breaker.spoken(host)}
    values = {"blocked": True, "barred": True, "blocked_since_us": since, "next_try_us": end, "takeovers": 0, **told}
    return _change(claim, values, [event(claim, claim.seq + 1, EXECUTING, now, blocked=True, **told)])


def unbarred(claim: Claim, now: int) -> Change:
    """Its host answers again: it waits for a worker."""
    change = going_on(claim, now)
    return replace(change, values={**change.values, "state": ClaimState.ACCEPTED, "next_try_us": now})


def closed(claim: Claim, now: int) -> Change:
    """A canceled claim nobody works on any more ends; what may run on the host is looked for and ended first."""
    if not may_run(claim):
        return canceled(claim, now, Canceled())
    values = {"state": ClaimState.WATCHED, "epoch": claim.epoch + 1, "deadline_us": 0, **_RELEASED}
    return _change(claim, values, [] if claim.seq else [event(claim, 1, EXECUTING, now)])


def canceled(claim: Claim, now: int, verdict: Canceled) -> Change:
    """It was ended as asked."""
    told = {"condition": Condition.CANCELED_BY_USER, "reason": claim.cancel_reason}
    last = event(claim, claim.seq + 1, CANCELED, now, job=verdict.job, facts=dict(verdict.facts), **told)
    return _ended(claim, now, {"blocked": False, **told}, [last])


def _completed(claim: Claim, now: int, done: Done) -> Change:
    events = _resumed(claim, now)
    last = claim.seq + len(events) + 1
    events.append(event(claim, last, COMPLETED, now, job=done.job, file=done.file, facts=dict(done.facts)))
    job = {"job": wire.job_message(done.job).SerializeToString()} if done.job is not None else {}
    return _ended(claim, now, {**_CLEAR, **job}, events)


def _watched(claim: Claim, now: int, watched: Watched) -> Change:
    values = {
        **_CLEAR,
        **_RELEASED,
        "state": ClaimState.WATCHED,
        "job": wire.job_message(watched.job).SerializeToString(),
        "deadline_us": watched.deadline_us,
        "blocked_since_us": 0,
    }
    return _change(claim, values, _resumed(claim, now))


def _blocked(claim: Claim, now: int, waiting: Waiting, backoff: Backoff, random: Random) -> Change:
    since = claim.blocked_since_us or now
    budget = budget_us(claim)
    end = give_up_at(since, budget)
    if now >= end and not claim.cancel:
        return _failed(claim, now, _given_up(budget, waiting.condition, waiting.reason))
    told = {"condition": waiting.condition, "reason": waiting.reason}
    same = claim.blocked and (claim.waits_for, claim.reason) == (waiting.condition, waiting.reason)
    if same and claim.state == ClaimState.WATCHED:
        return Change(claim, {})
    tries = claim.tries + 1
    values = {"blocked": True, "blocked_since_us": since, "tries": tries, "takeovers": 0, "barred": False, **told}
    if claim.state == ClaimState.CLAIMED:
        again = next_try(now, backoff.seconds(tries, random), end)
        values |= {"state": ClaimState.ACCEPTED, "next_try_us": again, **_RELEASED}
    return _change(claim, values, [] if same else [event(claim, claim.seq + 1, EXECUTING, now, blocked=True, **told)])


def _failed(claim: Claim, now: int, failure: Failure) -> Change:
    told = {"condition": failure.condition, "reason": failure.reason}
    more = {"retryable": failure.retryable, "job": failure.job, "facts": failure.facts}
    return _ended(claim, now, {"blocked": False, **told}, [event(claim, claim.seq + 1, FAILED, now, **told, **more)])


def _given_up(budget: int, condition: Condition, reason: str) -> Failure:
    return Failure(condition, f"gave up after {spoken(budget)}: {reason}")


def _resumed(claim: Claim, now: int) -> list[OutboxRow]:
    return [event(claim, claim.seq + 1, EXECUTING, now)] if claim.blocked else []


def _ended(claim: Claim, now: int, values: dict[str, Any], events: Sequence[OutboxRow]) -> Change:
    return _change(claim, {"state": ClaimState.ENDED, "ended_us": now, "lease_until_us": 0, **values}, events)


def _change(claim: Claim, values: dict[str, Any], events: Sequence[OutboxRow] = ()) -> Change:
    return Change(claim, {**values, "seq": claim.seq + len(events)}, events)


def budget_us(claim: Claim) -> int:
    """Return how long an attempt may be blocked."""
    retry = event_pb2.TaskDispatched.FromString(claim.dispatch).retry
    return retry.blocked_budget.ToMicroseconds() if retry.HasField("blocked_budget") else DEFAULT_BUDGET_US
