"""Places where a service under test dies or stops, by its own hand, between two steps that must hold together.

VAHANA_FAILPOINTS="relay.published=kill@3" has it killed there at the third pass; "stop" stops it until it is woken.
"""

import os
import signal
from collections.abc import Mapping
from types import MappingProxyType

POINTS: Mapping[str, str] = MappingProxyType(
    {
        "launch.stored": "a launch is committed, and not answered",
        "history.recording": "a batch of changes is written, and not committed",
        "history.recorded": "a batch of changes is committed, and not answered",
        "relay.publishing": "messages are committed, and not sent",
        "relay.published": "messages are sent, and not marked",
        "relay.marked": "messages are marked",
        "consumer.handled": "messages had their effect, their offsets are not committed",
        "consumer.committed": "offsets are committed",
        "scheduler.applying": "runs have moved, in a transaction that is not committed",
        "executor.accepted": "claims are committed, and no worker has begun",
        "executor.begun": "a worker has a claim, and has done nothing",
        "executor.worked": "the work of a claim is done on the host, its verdict is not written",
        "executor.settling": "verdicts are written, and not committed",
        "job.submitting": "a job is about to be handed over",
        "job.submitted": "a job is handed over, and nobody knows",
        "job.seen": "jobs were looked at, and nothing of that is written",
    }
)
"""What is true at each point."""
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class _Armed:
    """A point where something happens."""

    def __init__(self, action: str) -> None:
        name, _, count = action.partition("@")
        self._signal, self._left = _SIGNALS[name], int(count or 1)

    def passed(self) -> None:
        """Count a pass; at the one that was asked for, the process gets its signal."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)


def _armed(setting: str) -> dict[str, _Armed]:
    """What a setting asks for: `point=action[@pass]`, with commas between; ValueError where it is not that."""
    wanted = dict(each.split("=") for each in setting.split(",") if each)
    try:
        unknown = wanted.keys() - POINTS.keys()
        if unknown:
            raise ValueError(f"there are no fail points {sorted(unknown)}")
        return {point: _Armed(action) for point, action in wanted.items()}
    except KeyError as error:
        raise ValueError(f"a fail point can kill or stop, not {error}") from error


_ARMED = _armed(os.environ.get("VAHANA_FAILPOINTS", ""))


def failpoint(name: str) -> None:
    """Pass a point: nothing happens, unless the environment says so."""
    if _ARMED and name in _ARMED:
        _ARMED[name].passed()
