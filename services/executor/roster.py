"""What this executor works on now: turns at claims. Safe to use from all threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from services.executor.domain.claims import Claim, Key
from services.executor.domain.queues import Queue
from services.executor.interrupts import Interrupt


@dataclass(slots=True, eq=False)
class Turn:
    """A worker's turn at a claim."""

    claim: Claim
    queue: Queue
    """Of the pool its seat is in."""
    began: float
    interrupt: Interrupt = field(default_factory=Interrupt)
    over: bool = False
    """Whether the work is done, and its seat another's."""

    @property
    def lasts(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


class Roster:
    """Turns that are written to have begun, until they are written to have ended."""

    def __init__(self) -> None:
        """Nobody works."""
        self._lock = threading.Lock()
        self._turns: dict[Key, Turn] = {}

    def __len__(self) -> int:
        """How many claims are being worked on."""
        return len(self._turns)

    def begin(self, claims: Sequence[Claim]) -> list[Turn]:
        """Begin turns at claims."""
        turns = [Turn(claim, claim.queue, time.monotonic()) for claim in claims]
        with self._lock:
            self._turns.update((turn.claim.key, turn) for turn in turns)
        return turns

    def end(self, turns: Sequence[Turn]) -> None:
        """End turns. A claim that was lost and claimed again may have another by now."""
        with self._lock:
            for turn in turns:
                if self._turns.get(turn.claim.key) is turn:
                    del self._turns[turn.claim.key]

    def turns(self) -> list[Turn]:
        """Return all turns, in the order in which everybody locks claims."""
        with self._lock:
            return [self._turns[key] for key in sorted(self._turns)]

    def interrupt(self, keys: Collection[Key]) -> None:
        """Tell those who work on these claims, if they do so here, that they are to be ended."""
        with self._lock:
            told = [self._turns[key].interrupt for key in keys if key in self._turns]
        for each in told:
            each.tell()
