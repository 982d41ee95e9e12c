"""From inputs to the words of commands.

A job runs in the process's `work` directory, so an input file is the relative path `../inputs/<file>` and nothing
absolute is needed. Words are never split, joined or read by a shell: whatever a value holds, its word stays one word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.experiment.domain.facts import DataType, Deployment, InputDefinition, Interface, JobResources
from services.experiment.domain.placeholders import Texts, amounts, render, render_value
from services.experiment.domain.spec import InputValue, Spec


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


def texts(interface: Interface, bound: Mapping[str, Bound], resources: JobResources) -> Texts:
    """What placeholders stand for; that of an input without a value for nothing."""
    inputs = {each.name: bound[each.name].text if each.name in bound else "" for each in interface.inputs}
    return {"inputs": inputs, "resources": amounts(resources)}


def command_line(
    interface: Interface, deployment: Deployment, bound: Mapping[str, Bound], known: Texts
) -> tuple[str, ...]:
    """The words of the job: program, the deployment's arguments, inputs in the interface's order, then outputs.

    May raise PlaceholderError and UnknownAmount, as the other functions that replace placeholders.
    """
    words = [deployment.executable]
    words += (render(word, known) for word in deployment.arguments)
    for definition in interface.inputs:
        if definition.on_command_line and definition.name in bound:
            words += _input_words(definition, bound[definition.name])
    for output in interface.outputs:
        if output.on_command_line and output.type is DataType.URI:
            words += _with_option(output.option, (output.file,))
    return tuple(words)


def commands(lines: Iterable[tuple[str, ...]], known: Texts) -> tuple[tuple[str, ...], ...]:
    """The words of the commands run before or after the job."""
    return tuple(tuple(render(word, known) for word in line) for line in lines)


def environment(deployment: Deployment, known: Texts) -> tuple[tuple[str, str], ...]:
    """The variables of the job and the commands."""
    return tuple((name, render_value(value, known["resources"])) for name, value in deployment.environment)


def _input_words(definition: InputDefinition, value: Bound) -> Iterable[str]:
    if definition.type is DataType.BOOLEAN and definition.option:
        return (definition.option,) if value.text == "true" else ()
    return _with_option(definition.option, value.words)


def _with_option(option: str, values: tuple[str, ...]) -> Iterable[str]:
    if option.endswith("="):
        return tuple(option + each for each in values)
    return (option, *values) if option else values
