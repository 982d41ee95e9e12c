"""The script of a FORK job, rendered whole: every value in it is quoted, and none is put into code."""

import re

from services.executor import scripts
from services.executor.batch.api import JobRequest
from services.executor.channels.shell import join, quote
from services.executor.domain.troubles import Condition, Failure

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def render(request: JobRequest, grace_seconds: float = 10.0) -> str:
    """Return the script; Failure for a value no script can carry. `grace_seconds`: what a job at the end of its wall
    time is given after it was told to end.
    """
    try:
        head = [*_head(request), *_limit(request, grace_seconds), scripts.text("job_head")]
        return "\n".join([*head, *_variables(request), *_body(request), ""])
    except ValueError as error:
        raise Failure(Condition.UNKNOWN, f"no job script can carry this: {error}") from error


def _head(request: JobRequest) -> list[str]:
    return [
        "#!/bin/sh",
        f"vahana_name={quote(request.name)}",
        f"vahana_job={quote(f'{request.base}/{request.directory}')}",
        f"vahana_work={quote(f'{request.base}/work')}",
    ]


def _limit(request: JobRequest, grace_seconds: float) -> list[str]:
    if not request.wall_time_ms:
        return ["vahana_limit="]
    return [
        f"vahana_limit={hundredths(request.wall_time_ms / 1000)}",
        f"vahana_grace={hundredths(grace_seconds)}",
        f"vahana_keeper={quote(scripts.joined('session', 'limit'))}",
    ]


def hundredths(seconds: float) -> int:
    """Return a time as our scripts count it: in hundredths of a second, at least one."""
    return max(1, round(seconds * 100))


def _variables(request: JobRequest) -> list[str]:
    exports = [f"  export {_variable(name)}={quote(value)}" for name, value in request.environment]
    return ["variables() {", *(exports or ["  :"]), "}"]


def _body(request: JobRequest) -> list[str]:
    loads = [f"load {quote(module)}" for module in request.modules]
    return [*loads, *(f"run {join(command)}" for command in request.commands), "finish 'exit 0'"]


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an environment variable")
    return name
