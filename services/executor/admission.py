"""New claims that begin at once: stored as a worker's, without having waited."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from services.executor import changes
from services.executor.domain.claims import Claim
from services.executor.seating import Seating, Taken


class Admission:
    """Of the claims that come in one transaction, those that workers are free for."""

    def __init__(
        self, seating: Seating, taken: Taken, barred: Collection[str], holder: str, lease_seconds: float
    ) -> None:
        """Seats go to `taken`; nobody begins at a host that is barred."""
        self._seating, self._taken, self._barred = seating, taken, barred
        self._holder, self._lease = holder, lease_seconds
        self.admitted: list[Claim] = []

    def seated(self, claims: Sequence[Claim], now_us: int) -> list[Claim]:
        """Return the claims as they are to be stored: begun, where a worker is free."""
        seated = {claim.key for claim in self._seating.newcomers(self._taken, claims, self._barred)}
        return [self._begun(claim, now_us) if claim.key in seated else claim for claim in claims]

    def admit(self, claims: Sequence[Claim]) -> None:
        """Have these begin after the commit, those of them that have a seat."""
        self.admitted = [claim for claim in claims if claim.epoch]

    def _begun(self, claim: Claim, now_us: int) -> Claim:
        return replace(claim, **changes.begun(claim, now_us, self._holder, self._lease), seq=1)
