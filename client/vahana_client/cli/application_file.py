"""The YAML form of an application: module, interface and deployments."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from vahana.registry.v1 import application_pb2 as pb
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.yaml_file import read_mapping, scalar

_SECTIONS = ("module", "interface", "deployments")
_COMMANDS = ("pre_job_commands", "post_job_commands")

M = TypeVar("M", bound=Message)
Faults = list[tuple[str, str]]


@dataclass(frozen=True)
class ApplicationFile:
    """What a file describes."""

    module: pb.ApplicationModule
    interface: pb.ApplicationInterface
    deployments: tuple[pb.ApplicationDeployment, ...]


def read_application(path: Path, version: str = "") -> ApplicationFile:
    """Reads a file; `version`, where given, stands in for the file's. Every fault of the form is named at once;
    what the values mean is judged by the registry."""
    data = read_mapping(path)
    faults: Faults = [(name, f"unknown; a file has {', '.join(_SECTIONS)}") for name in data if name not in _SECTIONS]
    faults += [(name, "missing") for name in _SECTIONS if name not in data]
    module_data = data.get("module")
    if isinstance(module_data, dict):
        module_data = _module(module_data, version, faults)
    module = _message("module", module_data, pb.ApplicationModule(), faults)
    interface = _message("interface", _sure(_interface, data.get("interface")), pb.ApplicationInterface(), faults)
    listed = data.get("deployments") or []
    if not isinstance(listed, list):
        faults.append(("deployments", "must be a list"))
        listed = []
    deployments = [
        _message(f"deployments[{number}]", _sure(_deployment, one), pb.ApplicationDeployment(), faults)
        for number, one in enumerate(listed)
    ]
    if faults:
        raise BadInputError(f"{path} does not describe an application", faults)
    return ApplicationFile(module, interface, tuple(deployments))


def _sure(shape: Callable[[dict[str, Any]], dict[str, Any]], data: object) -> object:
    """Shapes a mapping, and leaves anything else to be complained about."""
    return shape(data) if isinstance(data, dict) else data


def _module(data: dict[str, Any], version: str, faults: Faults) -> dict[str, Any]:
    if version:
        return {**data, "version": version}
    if "version" in data and not isinstance(data["version"], str):
        faults.append(("module.version", f'write it in quotes, "{data["version"]}", or YAML takes it for a number'))
        return {**data, "version": str(data["version"])}
    return data


def _interface(data: dict[str, Any]) -> dict[str, Any]:
    shaped = dict(data)
    for side in ("inputs", "outputs"):
        if isinstance(data.get(side), list):
            shaped[side] = [_sure(_parameter, one) for one in data[side]]
    return shaped


def _parameter(data: dict[str, Any]) -> dict[str, Any]:
    shaped = dict(data)
    if isinstance(data.get("type"), str):
        shaped["type"] = f"DATA_TYPE_{data['type'].upper()}"
    if "default_value" in data:
        shaped["default_value"] = scalar(data["default_value"])
    if isinstance(data.get("choices"), list):
        shaped["choices"] = [scalar(one) for one in data["choices"]]
    return shaped


def _deployment(data: dict[str, Any]) -> dict[str, Any]:
    shaped = dict(data)
    for name in _COMMANDS:
        if isinstance(data.get(name), list):
            shaped[name] = [{"arguments": _words(one)} for one in data[name]]
    if isinstance(data.get("arguments"), list):
        shaped["arguments"] = [scalar(one) for one in data["arguments"]]
    if isinstance(data.get("environment"), dict):
        shaped["environment"] = [{"name": key, "value": scalar(one)} for key, one in data["environment"].items()]
    if isinstance(data.get("command_timeout"), int | float):
        shaped["command_timeout"] = f"{data['command_timeout']}s"
    return shaped


def _words(command: object) -> object:
    """A command is a list of words, or a line that is cut into words as a shell would, quotes honoured."""
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError:  # an open quote: left as it is, and refused as no list of words
            return command
    return [scalar(word) for word in command] if isinstance(command, list) else command


def _message(field: str, data: object, message: M, faults: Faults) -> M:
    if data is None:
        return message
    if not isinstance(data, dict):
        faults.append((field, "must be a mapping of names to values"))
        return message
    try:
        return ParseDict(data, message)
    except (ParseError, ValueError) as error:
        faults.append((field, str(error).splitlines()[0].split(" Available Fields")[0]))
        return message
