"""An aligner, the host it is deployed on, and a sound experiment."""

import pytest

from services.experiment.domain.facts import (
    Application,
    BatchQueue,
    ComputeResource,
    DataType,
    Deployment,
    InputDefinition,
    Interface,
    OutputDefinition,
)
from services.experiment.domain.spec import File, InputValue, Spec
from services.experiment.domain.validation import Surroundings

READS, REFERENCE, LANE_1, LANE_2 = "a" * 64, "b" * 64, "c" * 64, "d" * 64


@pytest.fixture
def interface():
    return Interface(
        inputs=(
            InputDefinition("reference", DataType.URI),
            InputDefinition("reads", DataType.URI, on_command_line=True, option="-U"),
            InputDefinition("lanes", DataType.URI_COLLECTION, required=False, on_command_line=True, option="--lane="),
            InputDefinition("seed", DataType.INTEGER, default="7", on_command_line=True, option="--seed="),
            InputDefinition("rate", DataType.FLOAT, required=False, on_command_line=True, option="--rate"),
            InputDefinition("local", DataType.BOOLEAN, required=False, on_command_line=True, option="--local"),
            InputDefinition("preset", DataType.STRING, choices=("fast", "sensitive")),
        ),
        outputs=(
            OutputDefinition("alignment", DataType.URI, "out/aligned.sam", on_command_line=True, option="-S"),
            OutputDefinition("summary", DataType.STDERR, "summary.txt", required=False),
        ),
    )


@pytest.fixture
def deployment():
    return Deployment(
        compute_resource="cluster",
        executable="bowtie2",
        arguments=("-x", "index", "--{inputs.preset}", "{{literal}}"),
        module_loads=("bowtie2/2.5",),
        environment=(("THREADS", "2"),),
        pre_job_commands=(("bowtie2-build", "{inputs.reference}", "index"),),
        post_job_commands=(("gzip", "-k", "out/aligned.sam"),),
        command_timeout=90.0,
    )


@pytest.fixture
def application(interface, deployment):
    return Application("bowtie2", "2.5.0", interface, (deployment,))


@pytest.fixture
def host():
    return ComputeResource(
        "cluster",
        "127.0.0.1",
        22,
        "ada",
        "cred-1",
        "/scratch/ada",
        1,
        queues=(BatchQueue("short"), BatchQueue("long")),
    )


@pytest.fixture
def spec():
    return Spec(
        name="lambda",
        project="phages",
        application="bowtie2",
        application_version="",
        compute_resource="cluster",
        inputs=(
            InputValue("reference", files=(File(REFERENCE, "lambda.fa", 2),)),
            InputValue("reads", files=(File(READS, "reads 1.fq", 1),)),
            InputValue("preset", "fast"),
        ),
    )


@pytest.fixture
def around(application, host):
    return Surroundings(True, application, host, {READS: 1, REFERENCE: 2, LANE_1: 3, LANE_2: 4})
