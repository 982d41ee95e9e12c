"""From inputs to the words of commands.

A job runs in the process's `work` directory, so an input file is the relative path `../inputs/<file>` and nothing
absolute is needed. Words are never split, joined or read by a shell: whatever a value holds, its word stays one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.experiment.domain.facts import DataType, Deployment, InputDefinition, Interface
from services.experiment.domain.spec import InputValue, Spec

_BRACES = re.compile(r"\{\{|\}\}|\{inputs\.([A-Za-z][A-Za-z0-9_]*)\}|[{}]")


class PlaceholderError(ValueError):
    """A word of a deployment holds a brace that is no placeholder, or names an input the application does not have."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The value an input has in one experiment: words for a command line, and text for a placeholder."""

    words: tuple[str, ...]
    text: str


def staged_name(definition: InputDefinition, file_name: str) -> str:
    """The path of an input's file under the process's `inputs` directory."""
    return f"{definition.name}/{file_name}" if definition.type is DataType.URI_COLLECTION else file_name


def bind(interface: Interface, spec: Spec) -> dict[str, Bound]:
    """The value of each input of the interface, given or by default; inputs without one are left out."""
    bound = {}
    for definition in interface.inputs:
        value = _bound(definition, spec.given(definition.name))
        if value is not None:
            bound[definition.name] = value
    return bound


def _bound(definition: InputDefinition, given: InputValue | None) -> Bound | None:
    if definition.type.takes_files:
        files = given.files if given else ()
        if not files:
            return None
        paths = tuple(f"../inputs/{staged_name(definition, each.file_name)}" for each in files)
        # In a placeholder a collection is the directory its files are in.
        text = f"../inputs/{definition.name}" if definition.type is DataType.URI_COLLECTION else paths[0]
        return Bound(paths, text)
    value = given.value if given and given.value is not None else definition.default
    return None if value is None else Bound((value,), value)


def render(word: str, interface: Interface, bound: Mapping[str, Bound]) -> str:
    """`word` with its placeholders replaced, that of a missing input by nothing. May raise PlaceholderError."""
    names = {each.name for each in interface.inputs}

    def replaced(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match[1] is None:
            raise PlaceholderError(
                f"{word!r} holds a lone {match[0]!r}: write it twice, or a placeholder {{inputs.NAME}}"
            )
        if match[1] not in names:
            raise PlaceholderError(f"{word!r} names the input {match[1]!r}, which the application does not have")
        return bound[match[1]].text if match[1] in bound else ""

    return _BRACES.sub(replaced, word)


def command_line(interface: Interface, deployment: Deployment, bound: Mapping[str, Bound]) -> tuple[str, ...]:
    """The words of the job: program, the deployment's arguments, inputs in the interface's order, then outputs."""
    words = [deployment.executable]
    words += (render(word, interface, bound) for word in deployment.arguments)
    for definition in interface.inputs:
        if definition.on_command_line and definition.name in bound:
            words += _input_words(definition, bound[definition.name])
    for output in interface.outputs:
        if output.on_command_line and output.type is DataType.URI:
            words += _with_option(output.option, (output.file,))
    return tuple(words)


def commands(
    lines: Iterable[tuple[str, ...]], interface: Interface, bound: Mapping[str, Bound]
) -> tuple[tuple[str, ...], ...]:
    """The words of the commands run before or after the job."""
    return tuple(tuple(render(word, interface, bound) for word in line) for line in lines)


def _input_words(definition: InputDefinition, value: Bound) -> Iterable[str]:
    if definition.type is DataType.BOOLEAN and definition.option:
        return (definition.option,) if value.text == "true" else ()
    return _with_option(definition.option, value.words)


def _with_option(option: str, values: tuple[str, ...]) -> Iterable[str]:
    if option.endswith("="):
        return tuple(option + each for each in values)
    return (option, *values) if option else values
