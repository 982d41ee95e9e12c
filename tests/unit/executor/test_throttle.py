"""How often hosts may be checked, and what a report says."""

from contextlib import ExitStack

import pytest

from services.chassis.errors import LimitExceeded
from services.executor.domain import checks
from services.executor.domain.checks import Report
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.throttle import Throttle


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_only_so_many_at_once_for_one_tenant_at_one_host() -> None:
    throttle = Throttle()
    with ExitStack() as turns:
        for _ in range(2):
            turns.enter_context(throttle.turn("default", "h:22"))
        with pytest.raises(LimitExceeded), throttle.turn("default", "h:22"):
            pass
        with throttle.turn("default", "g:22"):
            pass
        with throttle.turn("other", "h:22"):
            pass
    with throttle.turn("default", "h:22"):
        pass


def test_only_so_many_at_once_at_one_host_for_all_tenants() -> None:
    throttle = Throttle(at_host=3)
    with ExitStack() as turns:
        for tenant in ("one", "two", "three"):
            turns.enter_context(throttle.turn(tenant, "h:22"))
        with pytest.raises(LimitExceeded, match="too many"), throttle.turn("four", "h:22"):
            pass
        with throttle.turn("four", "g:22"):
            pass
    with throttle.turn("four", "h:22"):
        pass


def test_only_so_many_a_minute_for_one_tenant() -> None:
    clock = Clock()
    throttle = Throttle(a_minute=3, now=clock)
    for _ in range(3):
        with throttle.turn("default", "h:22"):
            clock.seconds += 1
    with pytest.raises(LimitExceeded), throttle.turn("default", "h:22"):
        pass
    with throttle.turn("other", "h:22"):
        pass
    clock.seconds = 160.0
    with throttle.turn("default", "h:22"):
        pass
    clock.seconds = 1000.0
    with throttle.turn("new", "h:22"):
        pass
    assert list(throttle._begun) == ["new"]


@pytest.mark.parametrize(
    ("trouble", "fingerprint", "outcome"),
    [
        (Waiting(Condition.HOST_UNREACHABLE, "away"), "", [("connect", False)]),
        (Failure(Condition.HOST_KEY_MISMATCH, "other"), "SHA256:x", [("connect", True), ("host_key", False)]),
        (Failure(Condition.HOST_KEY_MISMATCH, "none registered"), "", [("host_key", False)]),
        (
            Waiting(Condition.LOGIN_REFUSED, "no"),
            "SHA256:x",
            [("connect", True), ("host_key", True), ("login", False)],
        ),
        (Failure(Condition.LOGIN_REFUSED, "no such credential"), "", [("login", False)]),
        (Failure(Condition.UNKNOWN, "?"), "SHA256:x", [("connect", True), ("host_key", True), ("login", False)]),
    ],
)
def test_a_failed_login_tells_of_the_steps_made(
    trouble: Waiting | Failure, fingerprint: str, outcome: list[tuple[str, bool]]
) -> None:
    report = Report(fingerprint=fingerprint)
    checks.login_failed(report, trouble)
    assert [(finding.check, finding.passed) for finding in report.findings] == outcome
    assert report.findings[-1].condition is trouble.condition
    assert not report.passed


@pytest.mark.parametrize(("offset", "passed"), [(0.2, True), (-59.0, True), (61.0, False), (-3600.0, False)])
def test_clocks(offset: float, passed: bool) -> None:
    report = Report()
    checks.clock_read(report, offset)
    assert (report.findings[0].passed, report.clock_offset) == (passed, offset)
    assert ("behind" in report.findings[0].detail) is (offset < 0)
