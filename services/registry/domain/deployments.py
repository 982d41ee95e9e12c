"""How an application runs on one compute resource, and the rules of that."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.registry.domain.interfaces import Interface
from services.registry.domain.placeholders import PlaceholderError, input_names
from services.registry.domain.text import quoted
from services.registry.domain.violations import Violation, repeated

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_WORD = 10_000
_MOST_WORDS = 1_000
_LONGEST_TIMEOUT_US = 30 * 86_400 * 1_000_000


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
    create_time_us: int = 0
    revision: int = 0


def violations(deployment: Deployment, interface: Interface) -> Iterator[Violation]:
    """Every rule the deployment breaks; its placeholders name inputs of the interface."""
    yield from _executable_violations(deployment.executable)
    inputs = [given.name for given in interface.inputs]
    yield from _word_violations("arguments", deployment.arguments, inputs)
    yield from _environment_violations(deployment.environment)
    for when, commands in (("pre", deployment.pre_job_commands), ("post", deployment.post_job_commands)):
        for position, words in enumerate(commands):
            path = f"{when}_job_commands[{position}].arguments"
            if not words or not words[0]:
                yield Violation(path, "names no program: make the program the first word")
            yield from _word_violations(path, words, inputs)
    if not 0 <= deployment.command_timeout_us <= _LONGEST_TIMEOUT_US:
        yield Violation("command_timeout", "is negative or above 30 days: choose a time between, or none for an hour")


def _executable_violations(executable: str) -> Iterator[Violation]:
    if "/" in executable and not executable.startswith("/"):
        fault = "is a relative path: write an absolute path, or a name found by the host's PATH"
        yield Violation("executable", f"{quoted(executable)} {fault}")
    if "{" in executable or "}" in executable:
        fault = "holds a brace, and a program's name has no placeholders: name the program itself"
        yield Violation("executable", f"{quoted(executable)} {fault}")


def _word_violations(path: str, words: Sequence[str], inputs: Sequence[str]) -> Iterator[Violation]:
    if len(words) > _MOST_WORDS:
        yield Violation(path, f"has more than {_MOST_WORDS} words: put them into a file")
    for position, word in enumerate(words):
        if fault := _word_fault(word, inputs):
            yield Violation(f"{path}[{position}]", fault)


def _word_fault(word: str, inputs: Sequence[str]) -> str:
    if "\0" in word or len(word) > _LONGEST_WORD:
        return f"holds a NUL or has more than {_LONGEST_WORD} characters: no program can be given such a word"
    try:
        names = input_names(word)
    except PlaceholderError as wrong:
        return str(wrong)
    for name in names:
        if name not in inputs:
            return f"'{{inputs.{name}}}' names no input of the interface: choose one of {', '.join(inputs) or 'none'}"
    return ""


def _environment_violations(environment: Sequence[Variable]) -> Iterator[Violation]:
    for position, variable in enumerate(environment):
        if not _VARIABLE.fullmatch(variable.name):
            fault = "is no variable name: letters, digits and underscores, no digit first"
            yield Violation(f"environment[{position}].name", f"{quoted(variable.name)} {fault}")
        if "\0" in variable.value:
            yield Violation(f"environment[{position}].value", "holds a NUL: remove it")
    yield from repeated("environment[{}].name", [variable.name for variable in environment], "variable")
