"""The YAML form of an experiment, and the files it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from vahana.event.v1 import task_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.registry.v1 import application_pb2
from vahana_client import files
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import short
from vahana_client.cli.retries import task_retries
from vahana_client.cli.yaml_file import read_mapping, scalar

_REQUIRED = ("name", "project", "application", "compute_resource")
_OPTIONAL = ("queue", "cleanup", "description", "inputs", "tags", "resources", "retries")
_FILE_TYPES = (application_pb2.DATA_TYPE_URI, application_pb2.DATA_TYPE_URI_COLLECTION)

Types = Mapping[str, int]
"""The data type of each input of an application, by name."""


@dataclass(frozen=True)
class ExperimentFile:
    """What a file asks for. Paths are relative to the file's directory."""

    path: Path
    spec: pb.ExperimentSpec
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PreparedExperiment:
    """What can be sent: the whole spec, and where the bytes of its files are."""

    spec: pb.ExperimentSpec
    uploads: tuple[tuple[Path, pb.FileReference], ...]


def read_experiment(path: Path) -> ExperimentFile:
    """Reads a file; every fault of its form is named at once."""
    data = read_mapping(path)
    faults = [(name, f"missing; write `{name}: …`") for name in _REQUIRED if data.get(name) in (None, "")]
    known = (*_REQUIRED, *_OPTIONAL)
    faults += [(str(name), f"unknown; a file has {', '.join(known)}") for name in data if name not in known]
    inputs = data.get("inputs") or {}
    if not isinstance(inputs, dict):
        faults.append(("inputs", "must be a mapping of input names to values or paths"))
    cleanup = f"CLEANUP_POLICY_{str(data.get('cleanup') or 'none').upper()}"
    if cleanup not in pb.CleanupPolicy.keys():  # noqa: SIM118
        policies = ", ".join(short(pb.CleanupPolicy, number).lower() for number in pb.CleanupPolicy.values() if number)
        faults.append(("cleanup", f"must be one of {policies}"))
    tags = data.get("tags") or []
    if not isinstance(tags, list):
        faults.append(("tags", "must be a list of words"))
    resources = _resources(data, faults)
    retries = task_retries(data.get("retries") or {}, faults)
    if faults:
        raise BadInputError(f"{path} does not describe an experiment", faults)
    name, _, version = scalar(data["application"]).partition("@")
    spec = pb.ExperimentSpec(
        name=scalar(data["name"]),
        project=scalar(data["project"]),
        application=name,
        application_version=version,
        compute_resource=scalar(data["compute_resource"]),
        resources=resources,
        retries=retries,
        tags=[scalar(tag) for tag in tags],
        cleanup_policy=pb.CleanupPolicy.Value(cleanup),
        description=scalar(data.get("description") or ""),
    )
    return ExperimentFile(path, spec, inputs)


def _resources(data: dict[str, Any], faults: list[tuple[str, str]]) -> task_pb2.JobResources:
    """What the job asks for: numbers as they are, wall_time in seconds; `queue` beside it names the batch queue."""
    given = data.get("resources") or {}
    try:
        if not isinstance(given, dict):
            raise ParseError("must be a mapping of names to values")
        times = {"wall_time": f"{given['wall_time']}s"} if isinstance(given.get("wall_time"), int | float) else {}
        resources = ParseDict({**given, **times}, task_pb2.JobResources())
    except (ParseError, ValueError) as error:
        faults.append(("resources", str(error).splitlines()[0].split(" Available Fields")[0]))
        return task_pb2.JobResources()
    resources.batch_queue = resources.batch_queue or scalar(data.get("queue") or "")
    return resources


def prepare(file: ExperimentFile, types: Types | None) -> PreparedExperiment:
    """Reads the files the inputs name. Without types, which tell paths from values, the inputs stay without either.
    Fails with BadInputError naming every input whose file is missing."""
    spec = pb.ExperimentSpec()
    spec.CopyFrom(file.spec)
    uploads: list[tuple[Path, pb.FileReference]] = []
    faults: list[tuple[str, str]] = []
    for name, value in file.inputs.items():
        given = spec.inputs.add(name=str(name))
        if types is None:
            continue
        if types.get(str(name)) not in _FILE_TYPES:
            _set_value(given, value, faults)
            continue
        for path in _paths(file.path.parent, given.name, value, faults):
            known = _refer(given.name, path, faults)
            if known is not None:
                given.files.append(known)
                uploads.append((path, known))
    if faults:
        raise BadInputError("the experiment's inputs are not usable; nothing was sent", faults)
    return PreparedExperiment(spec, tuple(uploads))


def _set_value(given: pb.InputValue, value: object, faults: list[tuple[str, str]]) -> None:
    if isinstance(value, list | dict):
        faults.append((f"inputs.{given.name}", "takes a single value, not a list or mapping"))
    elif value is not None:
        given.value = scalar(value)


def _paths(directory: Path, name: str, value: object, faults: list[tuple[str, str]]) -> list[Path]:
    listed = value if isinstance(value, list) else [value]
    paths = [directory / Path(one).expanduser() for one in listed if isinstance(one, str) and one]
    if len(paths) < len(listed):
        faults.append((f"inputs.{name}", "takes the path of a file, or a list of paths"))
    return paths


def _refer(name: str, path: Path, faults: list[tuple[str, str]]) -> pb.FileReference | None:
    try:
        return files.reference(path)
    except FileNotFoundError:
        faults.append((f"inputs.{name}", f"there is no file {path}; paths are relative to the experiment's file"))
    except OSError as error:
        faults.append((f"inputs.{name}", f"cannot read {path}: {error.strerror}"))
    return None
