"""The breakers of the simulated hosts: what executors do about hosts that do not answer, and what must hold of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from services.executor.channels.api import Result, Site
from services.executor.claims import Ledger
from services.executor.dispatcher import Dispatcher
from services.executor.domain.breaker import Health
from services.executor.domain.claims import Claim
from services.executor.hosts import Hosts
from services.executor.probing import COMMAND_SECONDS, LoginProbe
from services.executor.schema import host as breakers
from services.scheduler.schema import host_health
from tests.simulation.database import SimulatedDatabase
from tests.simulation.host import Host
from tests.simulation.kernel import SECOND, Instance, Kernel
from tests.simulation.parts import Wake

_BARRED = sa.select(breakers.c.host).where(breakers.c.health == Health.UNREACHABLE)
_TOLD = sa.select(breakers.c.host, breakers.c.health, breakers.c.seq).where(breakers.c.seq > 0)
_KEPT = sa.select(host_health.c.host, host_health.c.health, host_health.c.seq)


class Logins:
    """See channels.api.Logins: what a probe reaches a host by."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = {host.name: host for host in hosts}

    @contextmanager
    def login(self, site: Site) -> Iterator["Login"]:
        """See channels.api."""
        yield Login(self._hosts[site.address])


class Login:
    """See channels.api.Login, and Channel; it is never waited for as long as a turn would wait."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def open(self) -> "Login":
        """See channels.api."""
        return self

    def run(self, _script: str, **_: object) -> Result:
        """See channels.api."""
        return self._host.operate("probe", lambda: Result(0, b"", b""), patience=COMMAND_SECONDS)


@dataclass
class Guard:
    """One executor's knowledge of hosts, and what it does against it."""

    kernel: Kernel
    hosts: dict[str, Host]
    """By what claims call them."""
    known: Hosts
    lease_us: int
    since_us: dict[str, int] = field(default_factory=dict)
    """From when on it has known of each host, without a break, that nobody is to begin there."""

    def tend(self) -> float:
        """A turn of the loop that looks after hosts."""
        try:
            return self.known.tend()
        finally:
            barred = self.known._barred
            self.since_us = {host: self.since_us.get(host, self.kernel.now_us) for host in sorted(barred)}

    def begins(self, claim: Claim) -> None:
        """A worker begins. Where it was told to when the executor knew better, the host has an uninvited guest."""
        taken_us = claim.lease_until_us - self.lease_us
        # Newcomers are seated by what was known before the transaction that stores them.
        waited = claim.created_us < taken_us
        if waited and claim.host in self.known._barred and self.since_us.get(claim.host, taken_us) < taken_us:
            self.hosts[claim.host].uninvited.append(claim.key.ref)


def guard(
    kernel: Kernel,
    db: SimulatedDatabase,
    ledger: Ledger,
    dispatcher: Dispatcher,
    hosts: Sequence[Host],
    lease_seconds: float,
) -> Guard:
    """Have an executor look after hosts, as its __main__ does."""
    known = Hosts(db, ledger, LoginProbe(Logins(hosts)), dispatcher.turns)
    dispatcher.barred, dispatcher.workers.on_worked = known.barred, known.worked
    return Guard(kernel, {f"{host.name}:22": host for host in hosts}, known, int(lease_seconds * SECOND))


def start(kernel: Kernel, instance: Instance, guarding: Guard) -> None:
    """Begin to look after hosts."""
    guarding.known._news = Wake(kernel.spawn(instance, "hosts", guarding.tend))


def barred(executor: SimulatedDatabase, hosts: Sequence[Host]) -> list[Host]:
    """The hosts at which nobody is to begin."""
    with executor.read() as tx:
        found = set(tx.execute(_BARRED).scalars())
    return [host for host in hosts if f"{host.name}:22" in found]


def faults(executor: SimulatedDatabase, scheduler: SimulatedDatabase, hosts: Sequence[Host]) -> list[str]:
    """What is wrong in the end, when all hosts answer."""
    found = [f"{host.name} is left barred" for host in barred(executor, hosts)]
    found += [f"{ref} began at {host.name}, known not to answer" for host in hosts for ref in host.uninvited]
    with executor.read() as tx:
        told = {host: state for host, *state in tx.execute(_TOLD)}
    with scheduler.read() as tx:
        kept = {host: state for host, *state in tx.execute(_KEPT)}
    if told != kept:
        found.append(f"of the health of hosts {told} was told last, and the scheduler has {kept}")
    return found
