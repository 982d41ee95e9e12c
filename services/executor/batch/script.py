"""The script of a FORK job, rendered whole: every value in it is quoted, and none is put into code."""

import re

from services.executor import scripts
from services.executor.batch.api import JobRequest
from services.executor.channels.shell import join, quote
from services.executor.domain.troubles import Condition, Failure

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def render(request: JobRequest) -> str:
    """Return the script; Failure for a value no script can carry."""
    try:
        return "\n".join([*_head(request), scripts.text("job_head"), *_variables(request), *_body(request), ""])
    except ValueError as error:
        raise Failure(Condition.UNKNOWN, f"no job script can carry this: {error}") from error


def _head(request: JobRequest) -> list[str]:
    return [
        "#!/bin/sh",
        f"vahana_name={quote(request.name)}",
        f"vahana_job={quote(f'{request.base}/{request.directory}')}",
        f"vahana_work={quote(f'{request.base}/work')}",
    ]


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
