"""What a user asks for, from its message."""

from __future__ import annotations

from collections.abc import Mapping

from services.experiment.domain.spec import CleanupPolicy, Fault, File, InputValue, Spec
from services.experiment.wire import facts
from vahana.experiment.v1 import experiment_pb2 as pb


def spec(message: pb.ExperimentSpec, sizes: Mapping[str, int]) -> Spec:
    """The domain's form; `sizes` holds the sizes in bytes of the files the tenant has, by digest."""
    return Spec(
        name=message.name,
        project=message.project,
        application=message.application,
        application_version=message.application_version,
        compute_resource=message.compute_resource,
        batch_queue=message.batch_queue,
        resources=facts.job_resources(message.resources),
        inputs=tuple(_input(each, sizes) for each in message.inputs),
        cleanup_policy=CleanupPolicy(message.cleanup_policy),
    )


def retry_faults(message: pb.ExperimentSpec) -> list[Fault]:
    """What is wrong with its retry policies, beyond what the contract itself refuses."""
    faults, seen = [], set[int]()
    for number, each in enumerate(message.retries):
        field, retry = f"spec.retries[{number}]", each.retry
        if each.task_type in seen:
            faults.append(Fault(f"{field}.task_type", "stands there twice: put all bounds of a type into one policy"))
        seen.add(each.task_type)
        both = retry.HasField("initial_backoff") and retry.HasField("max_backoff")
        if both and retry.initial_backoff.ToTimedelta() > retry.max_backoff.ToTimedelta():
            faults.append(Fault(f"{field}.retry.initial_backoff", "is longer than max_backoff: shorten the one"))
    return faults


def digests(message: pb.ExperimentSpec) -> set[str]:
    """The digests of all files it names."""
    return {file.sha256 for given in message.inputs for file in given.files}


def pinned(message: pb.ExperimentSpec, version: str, sizes: Mapping[str, int]) -> pb.ExperimentSpec:
    """A copy with what the service sets: the application's version and the sizes of the files."""
    copy = pb.ExperimentSpec()
    copy.CopyFrom(message)
    copy.application_version = version
    for given in copy.inputs:
        for file in given.files:
            file.size = sizes[file.sha256]
    return copy


def _input(message: pb.InputValue, sizes: Mapping[str, int]) -> InputValue:
    return InputValue(
        name=message.name,
        value=message.value if message.HasField("value") else None,
        files=tuple(File(each.sha256, each.file_name, sizes.get(each.sha256, 0)) for each in message.files),
    )
