"""The workflow generator."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.experiment.domain.facts import (
    DataType,
    Deployment,
    InputDefinition,
    Interface,
    JobResources,
    OutputDefinition,
    Parallelism,
)
from services.experiment.domain.plan import Commands, StageIn, StageOut, Submission, TaskType, TriggerRule
from services.experiment.domain.planner import all_outputs, plan
from services.experiment.domain.spec import CleanupPolicy, File, InputValue, Spec
from tests.unit.experiment.conftest import LANE_1, LANE_2, READS


def test_a_whole_plan(spec, interface, deployment):
    lanes = InputValue("lanes", files=(File(LANE_1, "1.fq", 3), File(LANE_2, "2.fq", 4)))
    full = replace(spec, inputs=(*spec.inputs, lanes), cleanup_policy=CleanupPolicy.ALWAYS)
    tasks = plan(full, interface, deployment, JobResources())
    assert {task.task_id: task.depends_on for task in tasks} == {
        "env-setup": (),
        "stage-in-reference": ("env-setup",),
        "stage-in-reads": ("env-setup",),
        "stage-in-lanes-1": ("env-setup",),
        "stage-in-lanes-2": ("env-setup",),
        "pre-job": ("env-setup", "stage-in-reference", "stage-in-reads", "stage-in-lanes-1", "stage-in-lanes-2"),
        "submit": ("pre-job",),
        "monitor": ("submit",),
        "post-job": ("monitor",),
        "stage-out-alignment": ("post-job",),
        "stage-out-summary": ("monitor",),
        "stage-out-stdout": ("monitor",),
        "cleanup": tuple(task.task_id for task in tasks[:-1]),
    }
    rules = {task.task_id: task.trigger for task in tasks}
    assert rules.pop("cleanup") is TriggerRule.ALL_DONE
    assert {name for name, rule in rules.items() if rule is TriggerRule.NONE_SKIPPED} == {
        "stage-out-summary",
        "stage-out-stdout",
    }
    assert {task.task_id for task in tasks if not task.required} == {"stage-out-summary", "stage-out-stdout", "cleanup"}
    content = {task.task_id: task.content for task in tasks}
    assert content["stage-in-reads"] == StageIn("reads", READS, 1, "reads 1.fq")
    assert content["stage-in-lanes-2"] == StageIn("lanes", LANE_2, 4, "lanes/2.fq")
    alignment, stdout = content["stage-out-alignment"], content["stage-out-stdout"]
    assert isinstance(alignment, StageOut)
    assert isinstance(stdout, StageOut)
    assert (alignment.path, alignment.file_name) == ("out/aligned.sam", "aligned.sam")
    assert (stdout.path, stdout.file_name) == ("", "stdout.txt")


def test_the_least_plan():
    spec = Spec("n", "p", "true", "1", "cluster")
    tasks = plan(spec, Interface(), Deployment("cluster", "true"), JobResources())
    assert [task.task_id for task in tasks] == [
        "env-setup",
        "submit",
        "monitor",
        "stage-out-stdout",
        "stage-out-stderr",
    ]
    assert tasks[1].depends_on == ("env-setup",)
    assert isinstance(tasks[1].content, Submission)
    assert tasks[1].content.words == ("true",)


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (CleanupPolicy.UNSPECIFIED, None),
        (CleanupPolicy.NONE, None),
        (CleanupPolicy.ALWAYS, TriggerRule.ALL_DONE),
        (CleanupPolicy.ONLY_COMPLETED, TriggerRule.ALL_SUCCESS),
        (CleanupPolicy.ONLY_FAILED, TriggerRule.ONE_FAILED),
    ],
)
def test_cleanup_by_policy(spec, interface, deployment, policy, rule):
    tasks = plan(replace(spec, cleanup_policy=policy), interface, deployment, JobResources())
    assert next((task.trigger for task in tasks if task.task_id == "cleanup"), None) is rule


def test_standard_output_is_brought_back_under_a_free_name():
    taken = Interface(outputs=(OutputDefinition("stdout", DataType.URI, "stdout"),))
    assert [each.name for each in all_outputs(taken)] == ["stdout", "job_stdout", "stderr"]


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
FILES = st.lists(st.builds(File, st.just(READS), st.text("abc.", min_size=1, max_size=4)), max_size=4)
INPUTS = st.builds(InputDefinition, NAMES, st.sampled_from(list(DataType)[:6]), required=st.booleans())
OUTPUTS = st.builds(
    OutputDefinition,
    NAMES,
    st.sampled_from([DataType.URI, DataType.STDOUT, DataType.STDERR]),
    st.just("out/x"),
    required=st.booleans(),
)
COMMANDS = st.lists(st.just(("true",)), max_size=2).map(tuple)


@st.composite
def requests(draw):
    """An interface, a deployment and a spec that fits both."""
    inputs = draw(st.lists(INPUTS, max_size=6, unique_by=lambda each: each.name))
    outputs = draw(st.lists(OUTPUTS, max_size=6, unique_by=lambda each: each.name))
    given_inputs = []
    for each in inputs:
        if each.type is DataType.URI:
            given_inputs.append(InputValue(each.name, files=(File(READS, f"{each.name}.fq"),)))
        elif each.type is DataType.URI_COLLECTION:
            given_inputs.append(InputValue(each.name, files=tuple(draw(FILES))))
        else:
            given_inputs.append(InputValue(each.name, "1"))
    deployment = Deployment("c", "run", pre_job_commands=draw(COMMANDS), post_job_commands=draw(COMMANDS))
    policy = draw(st.sampled_from(CleanupPolicy))
    spec = Spec("n", "p", "a", "1", "c", inputs=tuple(draw(st.permutations(given_inputs))), cleanup_policy=policy)
    return spec, Interface(tuple(inputs), tuple(outputs)), deployment


@given(requests())
def test_any_plan_is_an_ordered_dag_with_one_root(request):
    spec, interface, deployment = request
    tasks = plan(spec, interface, deployment, JobResources())
    seen: set[str] = set()
    for task in tasks:
        assert task.task_id not in seen
        assert len(set(task.depends_on)) == len(task.depends_on)
        assert set(task.depends_on) <= seen
        seen.add(task.task_id)
    assert [task.task_id for task in tasks if not task.depends_on] == ["env-setup"]
    assert [task.type for task in tasks].count(TaskType.JOB_SUBMISSION) == 1
    staged = [task for task in tasks if task.type is TaskType.DATA_STAGING_IN]
    assert len(staged) == sum(len(each.files) for each in spec.inputs)
    kinds = {task.type for task in tasks}
    assert (TaskType.PRE_JOB_COMMAND in kinds) == bool(deployment.pre_job_commands)
    assert (TaskType.POST_JOB_COMMAND in kinds) == bool(deployment.post_job_commands)


@given(requests())
def test_the_job_waits_for_all_inputs_and_cleanup_for_everything(request):
    spec, interface, deployment = request
    tasks = {task.task_id: task for task in plan(spec, interface, deployment, JobResources())}

    def before(name):
        found, ahead = set(), list(tasks[name].depends_on)
        while ahead:
            current = ahead.pop()
            if current not in found:
                found.add(current)
                ahead.extend(tasks[current].depends_on)
        return found

    staged = {name for name, task in tasks.items() if task.type is TaskType.DATA_STAGING_IN}
    assert staged <= before("submit")
    if "cleanup" in tasks:
        assert before("cleanup") == set(tasks) - {"cleanup"}


def test_the_job_gets_its_resources_and_its_launcher_first(spec, interface, deployment):
    launched = replace(deployment, parallelism=Parallelism.MPI, launcher=("mpiexec", "-n", "{resources.cpu_count}"))
    wanted = JobResources(batch_queue="short", cpu_count=8)
    (submission,) = (task.content for task in plan(spec, interface, launched, wanted) if task.task_id == "submit")
    assert isinstance(submission, Submission)
    assert submission.words[:4] == ("mpiexec", "-n", "8", "bowtie2")
    assert submission.resources == wanted
    (serial,) = (task.content for task in plan(spec, interface, deployment, wanted) if task.task_id == "submit")
    assert serial.words == submission.words[3:]


def test_variables_of_the_job_and_its_commands_name_resources(spec, interface, deployment):
    threaded = replace(deployment, environment=(("OMP_NUM_THREADS", "{resources.cpu_count}"),))
    contents = [task.content for task in plan(spec, interface, threaded, JobResources(cpu_count=8))]
    told = [each.environment for each in contents if isinstance(each, Submission | Commands)]
    assert told == [(("OMP_NUM_THREADS", "8"),)] * 3
