"""Where things are on a compute resource: `{scratch}/{experiment}/{process}/…`. Ids that could leave it are refused."""

import re
from dataclasses import dataclass

from services.executor.domain.troubles import Condition, Failure

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME_BYTES = 255
"""Longest name of a file on the file systems of clusters."""

INPUTS, WORK, JOBS, TRASH = "inputs", "work", "jobs", ".trash"


@dataclass(frozen=True, slots=True)
class ProcessPlace:
    """The directory of one process."""

    scratch: str
    experiment: str
    process: str

    @property
    def path(self) -> str:
        """Its absolute path."""
        return f"{self.scratch}/{self.experiment}/{self.process}"


def process_place(scratch: str, experiment: str, process: str) -> ProcessPlace:
    """Return the place of a process; Failure where scratch or an id is not well formed."""
    parts = scratch.rstrip("/").split("/")
    if not scratch.startswith("/") or len(parts) < 2 or ".." in parts or _CONTROL.search(scratch):
        raise _refused(f"the scratch location {scratch!r} is not an absolute path below /; register another one")
    return ProcessPlace("/".join(parts), well_formed(experiment), well_formed(process))


def well_formed(given: str) -> str:
    """Return an id as it came; Failure where it could mean another path than one name."""
    if not _ID.fullmatch(given):
        raise _refused(f"the id {given!r} is not well formed")
    return given


def input_path(file_name: str) -> str:
    """Return the path of an input relative to the process's directory."""
    return f"{INPUTS}/{_relative(file_name, 'input')}"


def output_path(path: str) -> str:
    """Return the path of an output relative to the process's directory."""
    return f"{WORK}/{_relative(path, 'output')}"


def job_directory(task: str, attempt: int) -> str:
    """Return the directory of one attempt's job, relative to the process's; `task` is to be well formed."""
    return f"{JOBS}/{task}.a{attempt}"


def job_name(process: str, task: str, attempt: int, generation: int = 1) -> str:
    """Return the name stored before a job manager is contacted; the ids are to be well formed."""
    return f"x{process}-{task}.a{attempt}.g{generation}"


def known_job_directory(directory: str) -> str:
    """Return a job's directory as an event gave it; Failure where it is none."""
    head, _, name = directory.partition("/")
    if head != JOBS:
        raise _refused(f"{directory!r} is not the directory of a job")
    return f"{JOBS}/{well_formed(name)}"


def _relative(path: str, kind: str) -> str:
    parts = path.split("/")
    if any(part in {"", ".", ".."} or len(part.encode()) > _NAME_BYTES for part in parts) or "\0" in path:
        raise _refused(f"the {kind} path {path!r} must be relative, without '.', '..' or empty parts")
    return path


def _refused(reason: str) -> Failure:
    return Failure(Condition.UNKNOWN, reason)
