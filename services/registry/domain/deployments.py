"""How an application runs on one compute resource, and the rules of that."""

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.registry.domain import job_resources
from services.registry.domain.compute_resources import ComputeResource
from services.registry.domain.interfaces import Interface
from services.registry.domain.job_resources import NO_RESOURCES, JobResources
from services.registry.domain.placeholders import PlaceholderError, placeholders, resources_named
from services.registry.domain.text import listed, quoted
from services.registry.domain.violations import Violation, repeated, under

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_WORD = 10_000
_MOST_WORDS = 1_000
_LONGEST_TIMEOUT_US = 30 * 86_400 * 1_000_000


class Parallelism(enum.StrEnum):
    """How a program spreads over CPU cores."""

    SERIAL = "SERIAL"
    THREADED = "THREADED"
    MPI = "MPI"


Known: TypeAlias = "Mapping[str, Sequence[str]]"
"""What the words of a command may stand for: the names of "inputs", "resources" or both."""


@dataclass(frozen=True)
class Variable:
    """One environment variable."""

    name: str
    value: str


@dataclass(frozen=True)
class Deployment:
    """The fields mean what ApplicationDeployment of the proto says; a command is its words."""

    compute_resource: str
    executable: str
    arguments: tuple[str, ...] = ()
    module_loads: tuple[str, ...] = ()
    environment: tuple[Variable, ...] = ()
    pre_job_commands: tuple[tuple[str, ...], ...] = ()
    post_job_commands: tuple[tuple[str, ...], ...] = ()
    command_timeout_us: int = 0
    rerun_safe: bool = False
    parallelism: Parallelism = Parallelism.SERIAL
    launcher: tuple[str, ...] = ()
    default_resources: JobResources = NO_RESOURCES
    create_time_us: int = 0
    revision: int = 0


def violations(deployment: Deployment, interface: Interface, host: ComputeResource) -> Iterator[Violation]:
    """Every rule the deployment breaks; what words name there must be."""
    yield from _executable_violations(deployment.executable)
    resources = {"resources": job_resources.PLACEHOLDERS}
    known = {"inputs": [given.name for given in interface.inputs]} | resources
    yield from _launcher_violations(deployment)
    yield from _word_violations("launcher", deployment.launcher, resources)
    yield from _word_violations("arguments", deployment.arguments, known)
    yield from under("default_resources", job_resources.violations(deployment.default_resources, host))
    yield from _environment_violations(deployment.environment)
    for when, commands in (("pre", deployment.pre_job_commands), ("post", deployment.post_job_commands)):
        for position, words in enumerate(commands):
            path = f"{when}_job_commands[{position}].arguments"
            if not words or not words[0]:
                yield Violation(path, "names no program: make the program the first word")
            yield from _word_violations(path, words, known)
    if not 0 <= deployment.command_timeout_us <= _LONGEST_TIMEOUT_US:
        yield Violation("command_timeout", "is negative or above 30 days: choose a time between, or none for an hour")


def _executable_violations(executable: str) -> Iterator[Violation]:
    if "/" in executable and not executable.startswith("/"):
        fault = "is a relative path: write an absolute path, or a name found by the host's PATH"
        yield Violation("executable", f"{quoted(executable)} {fault}")
    if "{" in executable or "}" in executable:
        fault = "holds a brace, and a program's name has no placeholders: name the program itself"
        yield Violation("executable", f"{quoted(executable)} {fault}")


def _launcher_violations(deployment: Deployment) -> Iterator[Violation]:
    is_mpi = deployment.parallelism is Parallelism.MPI
    if is_mpi and not any(deployment.launcher[:1]):
        fault = "names no program, and MPI needs one to start it: write e.g. 'srun', or 'mpiexec', '-n' and a number"
        yield Violation("launcher", fault)
    if deployment.launcher and not is_mpi:
        fault = f"is for MPI, and the program is {deployment.parallelism}: leave it out, or change the parallelism"
        yield Violation("launcher", fault)


def _word_violations(path: str, words: Sequence[str], known: Known) -> Iterator[Violation]:
    if len(words) > _MOST_WORDS:
        yield Violation(path, f"has more than {_MOST_WORDS} words: put them into a file")
    for position, word in enumerate(words):
        if fault := _word_fault(word, known):
            yield Violation(f"{path}[{position}]", fault)


def _word_fault(word: str, known: Known) -> str:
    if "\0" in word or len(word) > _LONGEST_WORD:
        return f"holds a NUL or has more than {_LONGEST_WORD} characters: no program can be given such a word"
    try:
        named = placeholders(word, *known)
    except PlaceholderError as wrong:
        return str(wrong)
    return next((_nothing(of, name, known[of]) for of, name in named if name not in known[of]), "")


def _nothing(of: str, name: str, names: Sequence[str]) -> str:
    return f"'{{{of}.{name}}}' names nothing there is: choose one of {listed(names)}"


def _environment_violations(environment: Sequence[Variable]) -> Iterator[Violation]:
    for position, variable in enumerate(environment):
        if not _VARIABLE.fullmatch(variable.name):
            fault = "is no variable name: letters, digits and underscores, no digit first"
            yield Violation(f"environment[{position}].name", f"{quoted(variable.name)} {fault}")
        if "\0" in variable.value:
            yield Violation(f"environment[{position}].value", "holds a NUL: remove it")
        for name in resources_named(variable.value):
            if name not in job_resources.PLACEHOLDERS:
                fault = _nothing("resources", name, job_resources.PLACEHOLDERS)
                yield Violation(f"environment[{position}].value", fault)
    yield from repeated("environment[{}].name", [variable.name for variable in environment], "variable")
