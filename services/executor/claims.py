"""What happens to a claim once it is accepted: each change and the events that tell of it are one write.

All take a transaction. Where another has the claim by now nothing is written, and the return value says so: abandon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from services.chassis.bus.topics import STATUS
from services.chassis.db import Tx, after_commit, now_us
from services.chassis.outbox import Outbox
from services.executor import storage, wire
from services.executor.backoff import SECOND, Backoff, give_up_at, next_try, spoken
from services.executor.domain.cancels import Step, may_run, step
from services.executor.domain.claims import Claim, ClaimState
from services.executor.domain.outcomes import Canceled, Done, Outcome, Postponed, Watched
from services.executor.domain.troubles import Condition, Failure, Trouble, Waiting
from vahana.event.v1 import event_pb2, state_pb2

TAKEOVERS = 3
"""The holder of a claim may die this often, without the claim getting on in between, before it is parked."""
DEFAULT_BUDGET_US = 15 * 60 * SECOND

EXECUTING, COMPLETED, FAILED, CANCELED = (
    state_pb2.TASK_STATE_EXECUTING,
    state_pb2.TASK_STATE_COMPLETED,
    state_pb2.TASK_STATE_FAILED,
    state_pb2.TASK_STATE_CANCELED,
)
_CLEAR = {"blocked": False, "condition": "", "reason": "", "tries": 0, "takeovers": 0}


@dataclass
class Ledger:
    """Writes claims and their events. The `on_…` functions are called after the commit of what they tell of."""

    outbox: Outbox
    backoff: Backoff = field(default_factory=Backoff)
    random: Random = field(default_factory=Random)
    on_accepted: Callable[[], None] = lambda: None
    on_watched: Callable[[], None] = lambda: None

    def take(self, tx: Tx, claim: Claim, holder: str, lease_seconds: float) -> Claim | None:
        """Claim it for a worker. None where it is another's now, was parked instead, or is to be ended.

        A claim found in the state CLAIMED was left by a holder that died over it, and that counts, however the death
        was seen: by an expired lease or, on SQLite, by the file lock. Uncounted, a task that kills its executor would
        do so for ever. Whatever gets the claim on starts the count again, and a parked attempt may be retried, so that
        a bystander of other tasks' crashes is not lost.
        """
        now = now_us(tx)
        if claim.cancel:
            self._close(tx, claim, now)
            return None
        values: dict[str, Any] = {
            "state": ClaimState.CLAIMED,
            "epoch": claim.epoch + 1,
            "holder": holder,
            "lease_until_us": now + int(lease_seconds * SECOND),
            "takeovers": claim.takeovers + (claim.state == ClaimState.CLAIMED),
        }
        if values["takeovers"] >= TAKEOVERS:
            reason = f"{TAKEOVERS} executors in a row died while they worked on this attempt; it was set aside"
            self._fail(tx, claim, now, Failure(Condition.TAKEOVERS_EXHAUSTED, reason, retryable=True))
            return None
        first = [] if claim.seq else [self._event(claim, 0, now, EXECUTING)]
        return self._write(tx, claim, first, **values)

    def settle(self, tx: Tx, claim: Claim, verdict: Outcome | Trouble) -> bool:
        """Write how a turn at a claim went: the worker's, or the poller's that watches it."""
        now = now_us(tx)
        if isinstance(verdict, Done):
            return self._complete(tx, claim, now, verdict)
        if isinstance(verdict, Watched):
            return self._watch(tx, claim, now, verdict)
        claim = _as_wished(tx, claim)
        if claim.cancel and claim.state == ClaimState.CLAIMED:
            return self._close(tx, claim, now)
        return self._unfinished(tx, claim, now, verdict)

    def _unfinished(self, tx: Tx, claim: Claim, now: int, verdict: Postponed | Canceled | Trouble) -> bool:
        match verdict:
            case Postponed():
                again = {"state": ClaimState.ACCEPTED, "next_try_us": now + int(verdict.seconds * SECOND)}
                return self._write(tx, claim, [], **again, takeovers=0, reason=verdict.reason) is not None
            case Canceled():
                return self._cancel(tx, claim, now, verdict)
            case Waiting():
                return self._block(tx, claim, now, verdict)
            case Failure():
                return self._fail(tx, claim, now, verdict)
        raise TypeError(f"no verdict: {verdict!r}")

    def going_on(self, tx: Tx, claim: Claim) -> Claim | None:
        """Tell that a blocked attempt goes on. A watched job may be blocked again, with a budget of its own."""
        values = dict(_CLEAR)
        if claim.state == ClaimState.WATCHED:
            values["blocked_since_us"] = 0
        return self._write(tx, claim, [self._event(claim, 0, now_us(tx), EXECUTING)], **values)

    def cancel(self, tx: Tx, claim: Claim, reason: str) -> bool:
        """Take note that a claim, which is locked, is to be ended; return whether somebody at work has to be told."""
        if step(claim) is Step.REPEAT:
            self.outbox.resend(tx, claim.key.ref)
            return False
        if not claim.cancel:
            storage.ask_to_end(tx, claim.key, reason)
        if step(claim) is Step.CLOSE:
            self._close(tx, replace(claim, cancel=True, cancel_reason=reason), now_us(tx))
        if claim.state == ClaimState.WATCHED:
            after_commit(tx, self.on_watched)
        return step(claim) is Step.ASK

    def _close(self, tx: Tx, claim: Claim, now: int) -> bool:
        """End a canceled claim nobody works on any more; what may run on the host is looked for and ended first."""
        if not may_run(claim):
            return self._cancel(tx, claim, now, Canceled())
        after_commit(tx, self.on_watched)
        events = [] if claim.seq else [self._event(claim, 0, now, EXECUTING)]
        watched = {"state": ClaimState.WATCHED, "epoch": claim.epoch + 1, "lease_until_us": 0, "deadline_us": 0}
        return self._write(tx, claim, events, **watched) is not None

    def _cancel(self, tx: Tx, claim: Claim, now: int, canceled: Canceled) -> bool:
        told = {"condition": Condition.CANCELED_BY_USER, "reason": claim.cancel_reason}
        event = self._event(claim, 0, now, CANCELED, job=canceled.job, facts=dict(canceled.facts), **told)
        values = {"state": ClaimState.ENDED, "ended_us": now, "blocked": False, "lease_until_us": 0}
        return self._write(tx, claim, [event], **values, **told) is not None

    def _complete(self, tx: Tx, claim: Claim, now: int, done: Done) -> bool:
        events = self._resumed(claim, now)
        facts = dict(done.facts)
        events.append(self._event(claim, len(events), now, COMPLETED, job=done.job, file=done.file, facts=facts))
        job = {"job": wire.job_message(done.job).SerializeToString()} if done.job is not None else {}
        return self._write(tx, claim, events, state=ClaimState.ENDED, ended_us=now, **job, **_CLEAR) is not None

    def _watch(self, tx: Tx, claim: Claim, now: int, watched: Watched) -> bool:
        after_commit(tx, self.on_watched)
        values = {
            **_CLEAR,
            "state": ClaimState.WATCHED,
            "job": wire.job_message(watched.job).SerializeToString(),
            "deadline_us": watched.deadline_us,
            "lease_until_us": 0,
            "blocked_since_us": 0,
        }
        return self._write(tx, claim, self._resumed(claim, now), **values) is not None

    def _block(self, tx: Tx, claim: Claim, now: int, waiting: Waiting) -> bool:
        since = claim.blocked_since_us or now
        budget = budget_us(claim)
        end = give_up_at(since, budget)
        if now >= end and not claim.cancel:
            reason = f"gave up after {spoken(budget)}: {waiting.reason}"
            return self._fail(tx, claim, now, Failure(waiting.condition, reason))
        same = claim.blocked and (claim.waits_for, claim.reason) == (waiting.condition, waiting.reason)
        if same and claim.state == ClaimState.WATCHED:
            return True
        events = (
            []
            if same
            else [
                self._event(claim, 0, now, EXECUTING, blocked=True, condition=waiting.condition, reason=waiting.reason)
            ]
        )
        tries = claim.tries + 1
        values = {
            "blocked": True,
            "blocked_since_us": since,
            "condition": str(waiting.condition),
            "reason": waiting.reason,
            "tries": tries,
            "takeovers": 0,
        }
        if claim.state == ClaimState.CLAIMED:
            again = next_try(now, self.backoff.seconds(tries, self.random), end)
            values |= {"state": ClaimState.ACCEPTED, "next_try_us": again, "lease_until_us": 0}
        return self._write(tx, claim, events, **values) is not None

    def _fail(self, tx: Tx, claim: Claim, now: int, failure: Failure) -> bool:
        event = self._event(
            claim,
            0,
            now,
            FAILED,
            condition=failure.condition,
            reason=failure.reason,
            retryable=failure.retryable,
            job=failure.job,
            facts=failure.facts,
        )
        values = {"state": ClaimState.ENDED, "ended_us": now, "blocked": False, "lease_until_us": 0}
        told = {"condition": str(failure.condition), "reason": failure.reason}
        return self._write(tx, claim, [event], **values, **told) is not None

    def _resumed(self, claim: Claim, now: int) -> list[bytes]:
        return [self._event(claim, 0, now, EXECUTING)] if claim.blocked else []

    @staticmethod
    def _event(claim: Claim, before: int, now: int, state: state_pb2.TaskState.ValueType, **what: Any) -> bytes:
        """An event of the present write, in which `before` others precede it."""
        return wire.status(claim, claim.seq + before + 1, state, now_us=now, **what)

    def _write(self, tx: Tx, claim: Claim, events: list[bytes], **values: Any) -> Claim | None:
        after = storage.advance(tx, claim, seq=claim.seq + len(events), **values)
        if after is not None:
            for event in events:
                self.outbox.add(tx, STATUS, claim.process_id, event, ref=claim.key.ref)
            if after.state == ClaimState.ACCEPTED:
                after_commit(tx, self.on_accepted)
        return after


def _as_wished(tx: Tx, claim: Claim) -> Claim:
    """The claim with the wish that it be ended, which may have come after it was read."""
    reason = storage.asked_to_end(tx, [claim.key]).get(claim.key)
    return claim if reason is None else replace(claim, cancel=True, cancel_reason=reason)


def budget_us(claim: Claim) -> int:
    """Return how long an attempt may be blocked."""
    retry = event_pb2.TaskDispatched.FromString(claim.dispatch).retry
    return retry.blocked_budget.ToMicroseconds() if retry.HasField("blocked_budget") else DEFAULT_BUDGET_US
