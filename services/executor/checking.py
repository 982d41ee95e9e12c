"""Looks at a compute resource: logs in anew and asks it, one check after another, within a bounded time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.executor import scripts
from services.executor.channels.api import Channel, Logins, Result, Site
from services.executor.domain import checks
from services.executor.domain.checks import Report
from services.executor.domain.troubles import Condition, Trouble, Waiting, of_command

BUDGET_SECONDS = 25.0
"""No step is begun later than this."""
STEP_SECONDS = 8.0
_PINGS = 5


@dataclass(frozen=True, slots=True)
class Host:
    """What is to be looked at. `job_manager`: as vahana.event.v1.JobManager, without its prefix."""

    site: Site
    scratch: str
    job_manager: str
    queues: tuple[str, ...] = ()


def check(logins: Logins, host: Host) -> Report:
    """Check a host. errors.Unavailable where no key can be had to log in with."""
    report = Report()
    with logins.login(host.site) as login:
        try:
            began = time.monotonic()
            channel = login.open()
            report.login_seconds = time.monotonic() - began
            visit = _Visit(channel, report)
            visit.ping()
        except Trouble as trouble:
            report.fingerprint = login.fingerprint
            # Where commands are not run, the login is of no use.
            failed = trouble if report.login_seconds is None else Waiting(Condition.UNKNOWN, trouble.reason)
            checks.login_failed(report, failed)
            return report
        report.fingerprint = login.fingerprint
        for name in (checks.CONNECT, checks.HOST_KEY, checks.LOGIN):
            report.found(name)
        visit.look(host)
    return report


class _Visit:
    """What is asked over one login."""

    def __init__(self, channel: Channel, report: Report) -> None:
        self._channel, self._report = channel, report
        self._until = time.monotonic() + BUDGET_SECONDS

    def ping(self) -> None:
        """Time the simplest of commands; the first one also shows that commands are run at all."""
        times = []
        for _ in range(_PINGS):
            began = time.monotonic()
            self._ask("exit 0\n", [], "running a command")
            times.append(time.monotonic() - began)
        self._report.command_seconds = statistics.median(times)

    def look(self, host: Host) -> None:
        """Make the checks that need a login; each stands for itself."""
        for name, make in (
            (checks.JOB_MANAGER, self._job_manager),
            (checks.SCRATCH, self._scratch),
            (checks.CLOCK, self._clock),
        ):
            try:
                make(host)
            except Trouble as trouble:
                self._report.failed(name, trouble)

    def _job_manager(self, host: Host) -> None:
        said = self._ask("check_manager", [host.job_manager], f"asking the job manager {host.job_manager}").lines
        self._report.version = " ".join(_after("version", said))[:200]
        self._report.found(checks.JOB_MANAGER, self._report.version)
        if "queues" in said:
            checks.queues_found(self._report, host.queues, _after("queue", said)[:1000])

    def _scratch(self, host: Host) -> None:
        said = self._ask("check_scratch", [host.scratch], f"writing to {host.scratch}").lines
        free = _after("free", said)
        self._report.scratch_free_bytes = int(free[0]) if free and free[0].isdecimal() else 0
        self._report.found(checks.SCRATCH, f"{host.scratch} can be written to")

    def _clock(self, _host: Host) -> None:
        before = time.time()
        said = self._ask("date +%s.%N\n", [], "reading the clock").lines
        middle = (before + time.time()) / 2
        whole, _, part = (said or [""])[0].partition(".")
        if not whole.isdecimal():
            raise Waiting(Condition.UNKNOWN, f"the clock of {self._channel.site} was told as {whole[:100]!r}")
        seconds = float(f"{whole}.{part}") if part.isdecimal() else int(whole) + 0.5
        checks.clock_read(self._report, seconds - middle)

    def _ask(self, script: str, arguments: Sequence[str], doing: str) -> Result:
        if time.monotonic() > self._until:
            raise Waiting(Condition.HOST_UNREACHABLE, f"{self._channel.site} is too slow: it was not asked any further")
        text = scripts.text("prelude") + script if script.endswith("\n") else scripts.remote(script)
        result = self._channel.run(text, arguments, seconds=STEP_SECONDS)
        if result.exit_code != 0:
            what = f"{doing} on {self._channel.site} failed"
            raise of_command(what, result.exit_code, result.complaint)
        return result


def _after(word: str, lines: Sequence[str]) -> list[str]:
    return [line.removeprefix(f"{word} ").strip() for line in lines if line.startswith(f"{word} ")]
