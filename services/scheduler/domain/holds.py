"""Holds: a person keeps new work from a compute resource, a host or a tenant. Which runs wait, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.scheduler.domain.model import Run
from services.scheduler.domain.progress import readable

ALL_TENANTS = ""
"""In the place of a tenant's name."""
AN_OPERATOR = "an operator"


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold. `tenant`: whose work waits; the other tests are made where they are not empty. `placed_us` is in
    microseconds UTC by the database's clock.
    """

    hold_id: str
    tenant: str
    compute_resource: str
    address: str
    comment: str
    placed_by: str
    placer_tenant: str
    placed_us: int

    @property
    def imposed(self) -> bool:
        """Whether it was placed from outside of the tenant whose work waits: by an operator."""
        return self.tenant != self.placer_tenant

    @property
    def sentence(self) -> str:
        """What people are told of it: "compute resource big is on hold since 2026-05-04 10:00:00 UTC by ada: moved"."""
        told = f"{self._what} is on hold since {readable(self.placed_us)} by {self.placed_by_for(self.tenant)}"
        return f"{told}: {self.comment}" if self.comment else told

    def effect(self, kept: int) -> str:
        """How many processes it keeps, for whoever places it; where it is none, a name may be misspelt."""
        if kept:
            return f"keeps {kept} process{'es' if kept > 1 else ''} now"
        who = f"tenant {self.tenant!r} has none" if self.tenant else "no tenant has any"
        if self.compute_resource:
            where = f" on compute resource {self.compute_resource!r}"
        else:
            where = f" at host {self.address!r}" if self.address else ""
        return f"keeps 0 processes now: {who} under way{where}, apart from what is being canceled"

    def placed_by_for(self, tenant: str) -> str:
        """Who placed it, as people of a tenant are told: names of users are not for other tenants."""
        return self.placed_by if tenant == self.placer_tenant else AN_OPERATOR

    def keeps(self, run: Run) -> bool:
        """Whether what it holds is where a run's tasks are done, or whose they are."""
        return (
            self.over(run.tenant)
            and self.compute_resource in {"", run.compute_resource}
            and self.address in {"", run.address}
        )

    def over(self, tenant: str) -> bool:
        """Whether work of this tenant may wait for it."""
        return self.tenant in {ALL_TENANTS, tenant}

    @property
    def _what(self) -> str:
        if self.compute_resource:
            return f"compute resource {self.compute_resource}"
        return f"host {self.address}" if self.address else f"tenant {self.tenant}"


def same_host(address: str) -> str:
    """A host's address in the one form in which addresses are compared: DNS tells no case."""
    return address.lower().removesuffix(".")


def settle(run: Run, holds: Iterable[Hold]) -> bool:
    """Has a run wait for the hold it waits for already, or else for the oldest that keeps it, or for none; whether that
    changes the run. `holds`: all there are now.
    """
    found = [hold for hold in holds if hold.keeps(run)]
    known = next((hold for hold in found if hold.hold_id == run.hold_id), None)
    hold = known or min(found, key=lambda each: (each.placed_us, each.hold_id), default=None)
    hold_id = hold.hold_id if hold else None
    if hold_id == run.hold_id:
        return False
    run.hold_id = hold_id
    run.hold_reason, run.hold_since_us = (hold.sentence, hold.placed_us) if hold else ("", None)
    return True
