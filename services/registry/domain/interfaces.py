"""An application's inputs and outputs, and their rules."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.registry.domain.text import holds_control, path_fault, quoted
from services.registry.domain.values import DataType, value_fault
from services.registry.domain.violations import Violation, repeated, under

_LONGEST_CHOICE = 10_000
_STREAMS = (DataType.STDOUT, DataType.STDERR)


@dataclass(frozen=True)
class Input:
    """One typed input. The fields mean what ApplicationInput of the proto says."""

    name: str
    type: DataType
    required: bool = False
    default_value: str | None = None
    choices: tuple[str, ...] = ()
    on_command_line: bool = False
    option: str = ""
    description: str = ""


@dataclass(frozen=True)
class Output:
    """One typed output. The fields mean what ApplicationOutput of the proto says."""

    name: str
    type: DataType
    file: str
    required: bool = False
    on_command_line: bool = False
    option: str = ""
    description: str = ""


@dataclass(frozen=True)
class Interface:
    """A module's inputs and outputs."""

    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()


def violations(interface: Interface) -> Iterator[Violation]:
    """Every rule the interface breaks."""
    yield from repeated("inputs[{}].name", [one.name for one in interface.inputs], "input")
    for position, given in enumerate(interface.inputs):
        yield from under(f"inputs[{position}]", _input_violations(given))
    yield from repeated("outputs[{}].name", [one.name for one in interface.outputs], "output")
    yield from repeated("outputs[{}].file", [one.file for one in interface.outputs], "file")
    for position, made in enumerate(interface.outputs):
        yield from under(f"outputs[{position}]", _output_violations(made))
    for stream in _STREAMS:
        positions = [at for at, made in enumerate(interface.outputs) if made.type is stream]
        for position in positions[1:]:
            fault = f"outputs[{positions[0]}] is {stream} already, and a job has one: keep one of them"
            yield Violation(f"outputs[{position}].type", fault)


def _input_violations(given: Input) -> Iterator[Violation]:
    if holds_control(given.option):
        yield Violation("option", "holds a control character: remove it")
    if given.required and given.default_value is not None:
        fault = "a required input is always given, so its default is never used: leave out the default or 'required'"
        yield Violation("default_value", fault)
    if given.type.holds_files:
        yield from _file_input_violations(given)
        return
    for position, choice in enumerate(given.choices):
        if len(choice) > _LONGEST_CHOICE:
            yield Violation(f"choices[{position}]", f"is longer than {_LONGEST_CHOICE} characters: shorten it")
        elif fault := value_fault(given.type, choice):
            yield Violation(f"choices[{position}]", f"{quoted(choice)} {fault}")
    yield from repeated("choices[{}]", given.choices, "choice")
    if given.default_value is not None:
        yield from _default_violations(given, given.default_value)


def _file_input_violations(given: Input) -> Iterator[Violation]:
    fault = f"the value of a {given.type} input is files that an experiment brings: leave it out"
    if given.default_value is not None:
        yield Violation("default_value", fault)
    if given.choices:
        yield Violation("choices", fault)


def _default_violations(given: Input, default: str) -> Iterator[Violation]:
    if fault := value_fault(given.type, default):
        yield Violation("default_value", f"{quoted(default)} {fault}")
    elif given.choices and default not in given.choices:
        fault = f"{quoted(default)} is not among the choices: choose one of them as they are written, or add it"
        yield Violation("default_value", fault)


def _output_violations(made: Output) -> Iterator[Violation]:
    if holds_control(made.option):
        yield Violation("option", "holds a control character: remove it")
    for stream in _STREAMS:
        # Where an interface declares no such output, a process gets one of that name.
        if made.name == stream.lower() and made.type is not stream:
            yield Violation("name", f"'{made.name}' is what the job's {stream} is called: rename the output")
    if made.type in _STREAMS:
        yield from _stream_violations(made)
    elif fault := path_fault(made.file, absolute=False):
        yield Violation("file", f"{quoted(made.file)} {fault}")


def _stream_violations(made: Output) -> Iterator[Violation]:
    if made.on_command_line:
        yield Violation("on_command_line", f"{made.type} has no path that a program could be given: leave it out")
    if "/" in made.file or made.file in (".", "..") or holds_control(made.file):
        yield Violation(
            "file", f"{quoted(made.file)} is no plain file name: write it without '/' and control characters"
        )
