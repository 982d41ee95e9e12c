"""Writes claims: each change and the events that tell of it are one write.

All take a transaction. Where another has the claim by now nothing is written, and None is returned for it: abandon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from services.chassis.db import Tx, after_commit, now_us
from services.chassis.outbox import Outbox
from services.executor import changes, storage
from services.executor.backoff import Backoff
from services.executor.changes import Change
from services.executor.domain.breaker import Breaker
from services.executor.domain.cancels import Step, step
from services.executor.domain.claims import Claim, ClaimState
from services.executor.domain.outcomes import Done, Outcome, Watched
from services.executor.domain.troubles import Trouble

Verdict = Outcome | Trouble | None
"""How a turn at a claim went; None: a blocked attempt goes on."""


@dataclass
class Ledger:
    """Writes claims and their events. The `on_…` functions are called after the commit of what they tell of."""

    outbox: Outbox
    backoff: Backoff = field(default_factory=Backoff)
    random: Random = field(default_factory=Random)
    on_accepted: Callable[[], None] = lambda: None
    on_watched: Callable[[], None] = lambda: None

    def take(self, tx: Tx, claims: Sequence[Claim], holder: str, lease_seconds: float) -> list[Claim]:
        """Claim them for workers; return those that are to be worked on: some may be another's now, or have ended."""
        now = now_us(tx)
        after = self._write(tx, [changes.taken(claim, now, holder, lease_seconds) for claim in claims])
        return [claim for claim in after if claim is not None and claim.state == ClaimState.CLAIMED]

    def settle(self, tx: Tx, verdicts: Sequence[tuple[Claim, Verdict]]) -> list[Claim | None]:
        """Write how turns at claims went: the workers', or those of the poller that watches them."""
        now = now_us(tx)
        open_ = [claim.key for claim, verdict in verdicts if not isinstance(verdict, Done | Watched | None)]
        wishes = storage.asked_to_end(tx, open_)
        return self._write(
            tx,
            [
                changes.settled(_wished(claim, wishes.get(claim.key)), verdict, now, self.backoff, self.random)
                for claim, verdict in verdicts
            ],
        )

    def bar(self, tx: Tx, claims: Sequence[Claim], host: Breaker) -> None:
        """Tell claims that wait for a worker that nobody begins at their host, or that they have waited long enough."""
        now = now_us(tx)
        self._write(tx, [changes.barred(claim, now, host) for claim in claims])

    def unbar(self, tx: Tx, claims: Sequence[Claim]) -> None:
        """Let claims that were told so go on."""
        now = now_us(tx)
        self._write(tx, [changes.unbarred(claim, now) for claim in claims])

    def cancel(self, tx: Tx, claim: Claim, reason: str) -> bool:
        """Take note that a claim, which is locked, is to be ended; return whether somebody at work has to be told."""
        if step(claim) is Step.REPEAT:
            self.outbox.resend(tx, claim.key.ref)
            return False
        if not claim.cancel:
            storage.ask_to_end(tx, claim.key, reason)
        if step(claim) is Step.CLOSE:
            self._write(tx, [changes.closed(_wished(claim, reason), now_us(tx))])
        if claim.state == ClaimState.WATCHED:
            after_commit(tx, self.on_watched)
        return step(claim) is Step.ASK

    def _write(self, tx: Tx, made: Sequence[Change]) -> list[Claim | None]:
        after = storage.advance(tx, [(change.before, change.values) for change in made])
        written = [(change, claim) for change, claim in zip(made, after, strict=True) if claim is not None]
        self.outbox.add_many(tx, [event for change, _ in written for event in change.events])
        states = {change.values.get("state") for change, _ in written}
        if ClaimState.ACCEPTED in states:
            after_commit(tx, self.on_accepted)
        if ClaimState.WATCHED in states:
            after_commit(tx, self.on_watched)
        return after


def _wished(claim: Claim, reason: str | None) -> Claim:
    """The claim with the wish that it be ended, which may have come after it was read; None: there is none."""
    return claim if reason is None else replace(claim, cancel=True, cancel_reason=reason)
