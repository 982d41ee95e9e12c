"""The check of a whole experiment: every field that breaks a rule is named at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.experiment.domain.arguments import bind, command_line, commands, environment, texts
from services.experiment.domain.facts import (
    Application,
    ComputeResource,
    DataType,
    Deployment,
    InputDefinition,
    Interface,
    JobResources,
)
from services.experiment.domain.files import file_faults
from services.experiment.domain.launchers import launcher_words
from services.experiment.domain.placeholders import PlaceholderError, UnknownAmount
from services.experiment.domain.resources import of_job, resource_faults
from services.experiment.domain.spec import Fault, InputValue, Spec
from services.experiment.domain.values import LONGEST_WORD, value_fault

# All words of one task travel in one message of the bus.
LARGEST_COMMAND = 256 * 1024


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a spec is checked against; None stands for what is not known under the name the spec gives.

    `stored` holds the digests the tenant has uploaded, with their sizes in bytes.
    """

    project_known: bool
    application: Application | None
    compute_resource: ComputeResource | None
    stored: Mapping[str, int]


def faults(spec: Spec, around: Surroundings) -> list[Fault]:
    """Every fault of `spec`; empty where it can be launched."""
    interface = around.application.interface if around.application else None
    found = [
        *([] if around.project_known else [unknown_project(spec.project)]),
        *_application_faults(spec, around),
        *_place_faults(spec, around),
        *resource_faults(spec, around.compute_resource),
        *_input_faults(spec, interface),
        *file_faults(spec, interface, around.stored),
    ]
    # The words are only worth a look where everything they are made of is sound.
    return found or list(_command_faults(spec, around))


def unknown_project(name: str) -> Fault:
    """The fault of naming a project that is not known."""
    return Fault("spec.project", f"there is no project {name!r}: create it first, or name another")


def _application_faults(spec: Spec, around: Surroundings) -> Iterator[Fault]:
    application = around.application
    if application is None:
        version = f" in version {spec.application_version!r}" if spec.application_version else ""
        yield Fault(
            "spec.application",
            f"there is no application {spec.application!r}{version}: list the applications for those that exist",
        )
    elif application.interface is None:
        yield Fault("spec.application", f"{_title(application)} has no interface yet: its registrar must create one")


def _place_faults(spec: Spec, around: Surroundings) -> Iterator[Fault]:
    application, resource = around.application, around.compute_resource
    if resource is None:
        yield Fault(
            "spec.compute_resource",
            f"there is no compute resource {spec.compute_resource!r}: list the compute resources for those that exist",
        )
        return
    if application is not None and application.deployment_on(resource.name) is None:
        places = ", ".join(each.compute_resource for each in application.deployments)
        yield Fault(
            "spec.compute_resource",
            f"{_title(application)} is not deployed on {resource.name!r}: "
            + (f"it is on {places}" if places else "register a deployment first"),
        )


def _input_faults(spec: Spec, interface: Interface | None) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    definitions = {each.name: each for each in interface.inputs} if interface else {}
    for index, given in enumerate(spec.inputs):
        field = f"spec.inputs[{index}]"
        if given.name in seen:
            yield Fault(
                f"{field}.name", f"{given.name!r} was given before, as inputs[{seen[given.name]}]: give it once"
            )
            continue
        seen[given.name] = index
        if given.name in definitions:
            yield from _value_faults(field, given, definitions[given.name])
        elif interface is not None:
            names = ", ".join(definitions) or "none"
            yield Fault(f"{field}.name", f"the application has no input {given.name!r}: its inputs are {names}")
    for definition in definitions.values():
        if definition.required and definition.default is None and definition.name not in seen:
            kind = "a file" if definition.type.takes_files else f"a value of type {definition.type.name}"
            yield Fault(f"spec.inputs.{definition.name}", f"is required and missing: give it {kind}")


def _value_faults(field: str, given: InputValue, definition: InputDefinition) -> Iterator[Fault]:
    kind = definition.type
    if kind.takes_files:
        if given.value is not None:
            yield Fault(f"{field}.value", f"{given.name!r} is of type {kind.name}: give files, not a value")
        if kind is DataType.URI and len(given.files) != 1:
            yield Fault(f"{field}.files", f"{given.name!r} takes exactly one file, not {len(given.files)}")
        if kind is DataType.URI_COLLECTION and definition.required and not given.files:
            yield Fault(f"{field}.files", f"{given.name!r} is required: give it at least one file")
        return
    if given.files:
        yield Fault(f"{field}.files", f"{given.name!r} is of type {kind.name}: give a value, not files")
    if given.value is None:
        if not given.files and definition.required and definition.default is None:
            yield Fault(f"{field}.value", f"{given.name!r} is required: give it a value of type {kind.name}")
        return
    fault = value_fault(kind, given.value, definition.choices)
    if fault is not None:
        yield Fault(f"{field}.value", f"{given.name!r}: {fault}")


def _command_faults(spec: Spec, around: Surroundings) -> Iterator[Fault]:
    application, resource = around.application, around.compute_resource
    deployment = application.deployment_on(resource.name) if application and resource else None
    if application is None or application.interface is None or resource is None or deployment is None:
        return
    try:
        sets = _all_words(spec, application.interface, deployment, of_job(spec, deployment, resource))
    except UnknownAmount as error:
        yield Fault(f"spec.resources.{error.field}", str(error))
        return
    except PlaceholderError as error:
        yield Fault("spec.application", f"its deployment on {spec.compute_resource!r} is at fault: {error}")
        return
    largest = max((sum(len(word.encode()) + 1 for word in words) for words in sets), default=0)
    if largest > LARGEST_COMMAND or any(len(word.encode()) > LONGEST_WORD for words in sets for word in words):
        yield Fault(
            "spec.inputs",
            f"make a command of {largest} bytes, where one can have {LARGEST_COMMAND} and one argument {LONGEST_WORD}: "
            "pass large content as files, and many files as one archive",
        )


def _all_words(spec: Spec, interface: Interface, deployment: Deployment, wanted: JobResources) -> list[list[str]]:
    bound = bind(interface, spec)
    known = texts(interface, bound, wanted)
    before = commands(deployment.pre_job_commands, known)
    after = commands(deployment.post_job_commands, known)
    return [
        [*launcher_words(deployment, wanted), *command_line(interface, deployment, bound, known)],
        [word for line in before for word in line],
        [word for line in after for word in line],
        [f"{name}={value}" for name, value in environment(deployment, known)],
    ]


def _title(application: Application) -> str:
    return f"{application.name} {application.version}"
