"""Looks whether a host answers: logs in anew, and runs the cheapest of commands, within a bounded time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from services.chassis import log
from services.chassis.errors import Refusal, Unavailable
from services.executor import scripts
from services.executor.channels.api import Logins, Site
from services.executor.domain.troubles import Condition, Trouble

CONNECT_SECONDS = 3.0
"""How long each step of a login may take: a host that accepts a connection and then says nothing is known after one."""
COMMAND_SECONDS = 4.0
_log = log.get(__name__)


class Answer(Enum):
    """What a probe has found."""

    REACHED = "reached"
    SILENT = "silent"
    UNTOLD = "untold"
    """It could not be made: another service does not answer."""


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe's answer; `reason`, of a host that is silent, names no account."""

    answer: Answer
    reason: str = ""


Probe = Callable[[Site], Probed]


class LoginProbe:
    """Implements Probe."""

    def __init__(self, logins: Logins) -> None:
        """`logins` are to take CONNECT_SECONDS a step at most."""
        self._logins = logins

    def __call__(self, site: Site) -> Probed:
        """See Probe. Whatever but silence it meets shows that the host answers; what it means, the next turn tells."""
        try:
            with self._logins.login(site) as login:
                login.open().run(scripts.text("prelude") + "true\n", seconds=COMMAND_SECONDS)
        except Trouble as trouble:
            if trouble.condition is Condition.HOST_UNREACHABLE:
                return Probed(Answer.SILENT, trouble.reason.replace(f"{site.login}@", ""))
        except (Unavailable, Refusal) as error:
            _log.warning("a host cannot be probed", host=f"{site.address}:{site.port}", reason=error.message)
            return Probed(Answer.UNTOLD)
        return Probed(Answer.REACHED)
