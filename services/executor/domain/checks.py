"""What a check of a compute resource finds: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.executor.domain.troubles import Condition, Trouble

CONNECT, HOST_KEY, LOGIN, JOB_MANAGER, QUEUES, SCRATCH, CLOCK = (
    "connect",
    "host_key",
    "login",
    "job_manager",
    "queues",
    "scratch",
    "clock",
)
LARGEST_OFFSET_SECONDS = 60.0
"""Beyond it, the times people are told of jobs and files mislead."""

_STEPS = (
    (CONNECT, Condition.HOST_UNREACHABLE),
    (HOST_KEY, Condition.HOST_KEY_MISMATCH),
    (LOGIN, Condition.LOGIN_REFUSED),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; `condition` where it did not pass."""

    check: str
    passed: bool
    detail: str = ""
    condition: Condition = Condition.UNSPECIFIED


@dataclass(slots=True)
class Report:
    """What was found so far; what could not be found out is None or empty. Times are seconds."""

    findings: list[Finding] = field(default_factory=list)
    fingerprint: str = ""
    version: str = ""
    queues: tuple[str, ...] = ()
    scratch_free_bytes: int = 0
    clock_offset: float | None = None
    login_seconds: float | None = None
    command_seconds: float | None = None

    @property
    def passed(self) -> bool:
        """Whether all that was looked at is as it should be."""
        return all(finding.passed for finding in self.findings)

    def found(self, check: str, detail: str = "") -> None:
        """A check has passed."""
        self.findings.append(Finding(check, True, detail))

    def failed(self, check: str, trouble: Trouble) -> None:
        """A check has not passed."""
        self.findings.append(Finding(check, False, trouble.reason, trouble.condition))


def login_failed(report: Report, trouble: Trouble) -> None:
    """A login failed. The steps before the one that did have passed, if they were made at all."""
    steps = [check for check, _ in _STEPS]
    failed = next((check for check, condition in _STEPS if trouble.condition is condition), LOGIN)
    if report.fingerprint:
        for check in steps[: steps.index(failed)]:
            report.found(check)
    report.failed(failed, trouble)


def queues_found(report: Report, registered: Sequence[str], named: Sequence[str]) -> None:
    """The job manager named its queues: those registered should be among them."""
    report.queues = tuple(named)
    missing = [name for name in registered if name not in named]
    known = ", ".join(named) or "none"
    if not missing:
        report.found(QUEUES, known)
        return
    detail = f"the job manager knows no queue {', '.join(missing)}; it has: {known}"
    report.findings.append(Finding(QUEUES, False, detail, Condition.UNKNOWN))


def clock_read(report: Report, offset: float) -> None:
    """The host's clock was read; `offset` is positive where it is ahead."""
    report.clock_offset = offset
    ahead = "ahead" if offset >= 0 else "behind"
    detail = f"the host's clock is {abs(offset):.3f} s {ahead}"
    if abs(offset) <= LARGEST_OFFSET_SECONDS:
        report.found(CLOCK, detail)
    else:
        way_out = "; have its time synchronised"
        report.findings.append(Finding(CLOCK, False, detail + way_out, Condition.UNKNOWN))
