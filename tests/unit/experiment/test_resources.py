"""What a job asks for."""

from dataclasses import replace

import pytest

from services.experiment.domain.facts import BatchQueue, JobResources, Parallelism
from services.experiment.domain.resources import of_job, resource_faults
from services.experiment.domain.validation import faults


def test_the_experiment_then_the_deployment_then_the_queue_decides(spec, deployment, host):
    host = replace(host, queues=(BatchQueue("short"), BatchQueue("long", default=True)))
    usual = replace(deployment, default_resources=JobResources(node_count=2, cpu_count=32, allocation="abc"))
    assert of_job(spec, usual, host) == JobResources("long", "abc", 2, 32)
    asking = replace(spec, resources=JobResources(batch_queue="short", cpu_count=8))
    assert of_job(asking, usual, host) == JobResources("short", "abc", 2, 8)
    older = replace(asking, resources=JobResources(), batch_queue="short")
    assert of_job(older, usual, host).batch_queue == "short"
    both = replace(asking, batch_queue="long")
    assert of_job(both, usual, host).batch_queue == "short"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (JobResources(node_count=1_000_001), "node_count"),
        (JobResources(cpu_count=2**32 - 1), "cpu_count"),
        (JobResources(memory_mib=2**64 - 1), "memory_mib"),
        (JobResources(gpu_count=10_001), "gpu_count"),
        (JobResources(wall_time_s=-1), "wall_time"),
        (JobResources(wall_time_s=3e11), "wall_time"),
        (JobResources(wall_time_s=float("nan")), "wall_time"),
        (JobResources(allocation="a b"), "allocation"),
        (JobResources(allocation="a\n#SBATCH -A theirs"), "allocation"),
        (JobResources(allocation="x" * 301), "allocation"),
        (JobResources(batch_queue="none"), "batch_queue"),
    ],
)
def test_each_fault(spec, host, wanted, field):
    (fault,) = resource_faults(replace(spec, resources=wanted), host)
    assert fault.field == f"spec.resources.{field}"


def test_a_queue_is_named_where_it_was_given(spec, host):
    (fault,) = resource_faults(replace(spec, batch_queue="none"), host)
    assert fault.field == "spec.batch_queue"
    assert not list(resource_faults(replace(spec, batch_queue="none"), None))


def test_what_the_launcher_needs_is_asked_for(spec, around, application, deployment):
    launched = replace(deployment, parallelism=Parallelism.MPI, launcher=("run", "{resources.wall_time}"))
    around = replace(around, application=replace(application, deployments=(launched,)))
    (fault,) = faults(spec, around)
    assert fault.field == "spec.resources.wall_time"
    assert not faults(replace(spec, resources=JobResources(wall_time_s=60)), around)
    broken = replace(launched, launcher=("run", "{resources.time}"))
    (fault,) = faults(spec, replace(around, application=replace(application, deployments=(broken,))))
    assert fault.field == "spec.application"
