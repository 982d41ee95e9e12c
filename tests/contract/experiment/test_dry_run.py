"""ValidateExperiment as a dry run, and the login, resources and pins that go into a launch."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice

import pytest
from grpc import StatusCode

from services.experiment.domain.policy import RULES
from tests.contract.experiment.people import people
from vahana.event.v1 import state_pb2, task_pb2
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.experiment.v1 import project_pb2, sharing_pb2
from vahana.registry.v1 import group_resource_profile_pb2

CREATED, VALIDATED = state_pb2.EXPERIMENT_STATE_CREATED, state_pb2.EXPERIMENT_STATE_VALIDATED


@pytest.fixture
def chemists(service, registry):
    """A group with a login of its own on the host, in which ada is by way of another group."""
    registry.group("chemists", groups=("synthesis",))
    registry.group("synthesis", "ada")
    registry.host.login_preferences.add(group="physicists", login="phys")
    registry.host.login_preferences.add(group="chemists", login="chem", credential_id="cred-2", scratch="/scratch/chem")
    service.learn()


def restrict(service, registry, **grant):
    """Let only chemists in, with this grant."""
    registry.host.restricted = True
    grants = [{"compute_resource": "cluster", **grant}]
    profile = group_resource_profile_pb2.GroupResourceProfile(name="chem", groups=["chemists"], grants=grants)
    registry.profiles = [profile]
    service.learn()


def denied(answer):
    assert [each.rule for each in answer.verdicts] == list(RULES)
    assert all(each.reason for each in answer.verdicts)
    return [each.rule for each in answer.verdicts if not each.allowed]


def test_all_that_a_launch_would_do(executor, service):
    made = service.create()
    answer = service.validate(made.experiment_id)
    assert (answer.experiment.state, answer.experiment.revision) == (VALIDATED, 2)
    assert denied(answer) == []
    assert answer.directory == f"/scratch/ada/{made.experiment_id}/{{process}}"
    assert (answer.target.login, answer.target.credential_id) == ("ada", "cred-1")
    assert "bowtie2 -x index --seed 7 -U ../inputs/reads.fq" in answer.job_script
    assert f"{made.experiment_id}/{{process}}" in answer.job_script
    assert answer.job_script_error == ""
    assert not answer.HasField("compute_resource_report")
    ((tenant, request),) = executor.asked
    assert (tenant, request.task_id, request.experiment_id) == ("default", "submit", made.experiment_id)
    assert request.target == answer.target
    assert service.sent() == []


def test_the_host_is_asked_where_it_is_wanted(executor, service, chemists):
    made = service.create()
    answer = service.validate(made.experiment_id, check_compute_resource=True)
    assert answer.compute_resource_report.passed
    assert answer.compute_resource_report_error == ""
    tenant, request = executor.asked[-1]
    assert (tenant, request.compute_resource, request.target.login) == ("default", "cluster", "chem")


def test_what_the_executor_can_not_say_is_told(executor, service):
    made = service.create()
    executor.busy = True
    answer = service.validate(made.experiment_id, check_compute_resource=True)
    assert (answer.job_script, answer.experiment.state) == ("", VALIDATED)
    assert "often" in answer.job_script_error
    assert "often" in answer.compute_resource_report_error
    assert not answer.HasField("compute_resource_report")
    executor.stop()
    away = service.validate(made.experiment_id, check_compute_resource=True)
    assert "executor" in away.job_script_error
    assert "executor" in away.compute_resource_report_error
    assert len(away.tasks) == 10


def test_groups_log_in_as_themselves(service, chemists):
    launched = service.launched()
    process = service.get(launched.experiment_id).process
    assert process.directory == f"/scratch/chem/{launched.experiment_id}/{launched.process_id}"
    assert process.launcher == "ada"
    theirs = service.clone(launched.experiment_id, who="admin")
    assert service.validate(theirs.experiment_id, who="admin").target.login == "ada"


def test_the_job_asks_for_what_it_is_to_have(service, registry):
    deployment = registry.application.deployments[0]
    deployment.parallelism = task_pb2.PARALLELISM_MPI
    deployment.launcher.extend(["mpiexec", "-n", "{resources.cpu_count}"])
    deployment.default_resources.cpu_count = 16
    deployment.default_resources.wall_time.seconds = 600
    registry.host.batch_queues.add(name="short", default_queue=True)
    service.learn()
    made = service.create(resources={"cpu_count": 4, "allocation": "abc"})
    submission = service.validate(made.experiment_id).tasks[4].spec.job_submission
    assert list(submission.command.arguments)[:4] == ["mpiexec", "-n", "4", "bowtie2"]
    wanted = submission.resources
    assert (wanted.cpu_count, wanted.batch_queue, wanted.allocation) == (4, "short", "abc")
    assert wanted.wall_time.seconds == 600


def test_pins_are_shown(service, registry):
    registry.application.deployments[0].revision, registry.host.revision = 3, 4
    service.learn()
    pin = service.get(service.launched().experiment_id).process.application
    assert (pin.application, pin.application_version, pin.compute_resource) == ("bowtie2", "2.5.0", "cluster")
    assert (pin.deployment_revision, pin.compute_resource_revision) == (3, 4)


def test_who_may_not_use_the_host_launches_nothing_there(executor, service, registry, refused):
    made = service.create()
    restrict(service, registry)
    answer = service.validate(made.experiment_id, check_compute_resource=True)
    assert denied(answer) == ["compute_resource.access"]
    assert answer.experiment.state == CREATED
    assert answer.compute_resource_report_error
    assert [type(request).__name__ for _, request in executor.asked] == ["RenderJobScriptRequest"]
    with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED") as told:
        service.launch(made.experiment_id)
    assert "compute_resource.access" in told.message
    assert service.sent() == []


def test_a_grant_lets_in_and_names_the_allocation(service, registry, chemists, refused):
    restrict(service, registry, allocations=["chem-1", "chem-2"], max_cpu_count=8)
    made = service.create(resources={"cpu_count": 8})
    answer = service.validate(made.experiment_id)
    assert denied(answer) == []
    assert answer.tasks[4].spec.job_submission.resources.allocation == "chem-1"
    other = service.create(resources={"allocation": "phys"})
    assert denied(service.validate(other.experiment_id)) == ["allocation"]
    with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        service.launch(other.experiment_id)
    assert service.launch(made.experiment_id).process_id


def test_what_is_too_much_is_named(service, registry, chemists, refused):
    restrict(service, registry, max_cpu_count=8)
    registry.host.batch_queues.add(name="short", default_queue=True, max_node_count=1, max_wall_time={"seconds": 60})
    service.learn()
    made = service.create(resources={"cpu_count": 9, "node_count": 2, "wall_time": {"seconds": 61}})
    assert denied(service.validate(made.experiment_id)) == ["queue.limits", "grant.limits"]
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        service.launch(made.experiment_id)
    assert set(told.fields) == {
        "spec.resources.cpu_count",
        "spec.resources.node_count",
        "spec.resources.wall_time",
    }


@pytest.mark.parametrize("rule", ["compute_resource.enabled", "job_manager", "application.retired"])
def test_what_can_not_run_at_the_moment(service, registry, refused, rule):
    made = service.create()
    if rule == "compute_resource.enabled":
        registry.host.disabled = True
    elif rule == "job_manager":
        registry.host.job_manager = task_pb2.JOB_MANAGER_SLURM
    else:
        registry.application.module.retired = True
    service.learn()
    assert denied(service.validate(made.experiment_id)) == [rule]
    with refused(StatusCode.FAILED_PRECONDITION, "WRONG_STATE") as told:
        service.launch(made.experiment_id)
    assert rule in told.message


def test_a_reader_sees_what_a_launch_would_do_and_may_not_launch(executor, service, registry, refused):
    made = service.create()
    registry.user("bob")
    service.learn()
    asked = pb.ValidateExperimentRequest(experiment_id=made.experiment_id, check_compute_resource=True)
    with people(service.served.address) as person:
        person("ada").share(made.experiment_id, "user:bob", "READ")
        bob = person("bob").experiments
        answer = bob.ValidateExperiment(asked)
        assert denied(answer) == ["project.write"]
        assert (answer.experiment.state, answer.experiment.permission) == (CREATED, sharing_pb2.PERMISSION_READ)
        assert answer.job_script
        assert answer.compute_resource_report_error
        for call, kind in (
            (bob.LaunchExperiment, pb.LaunchExperimentRequest),
            (bob.RelaunchExperiment, pb.RelaunchExperimentRequest),
            (bob.CancelExperiment, pb.CancelExperimentRequest),
            (bob.PauseExperiment, pb.PauseExperimentRequest),
            (bob.ResumeExperiment, pb.ResumeExperimentRequest),
        ):
            with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
                call(kind(experiment_id=made.experiment_id))


def test_who_may_write_may_not_move_it(service, registry, refused):
    made = service.create()
    registry.user("bob")
    service.learn()
    change = {"experiment_id": made.experiment_id, "spec": {"project": "mine", "name": "theirs"}}
    with people(service.served.address) as person:
        person("ada").share(made.experiment_id, "user:bob", "MANAGE_SHARING")
        bob = person("bob")
        bob.projects.CreateProject(project_pb2.CreateProjectRequest(project={"name": "mine"}))
        with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
            request = pb.UpdateExperimentRequest(update_mask={"paths": ["project", "name"]}, **change)
            bob.experiments.UpdateExperiment(request)
        request = pb.UpdateExperimentRequest(update_mask={"paths": ["name", "cleanup_policy"]}, **change)
        changed = bob.experiments.UpdateExperiment(request).experiment
    assert (changed.spec.name, changed.spec.project, changed.owner) == ("theirs", "phages", "ada")


def test_the_login_is_that_of_who_launches(service, registry, chemists):
    made = service.create()
    registry.user("bob")
    service.learn()
    with people(service.served.address) as person:
        person("ada").share(made.experiment_id, "user:bob", "WRITE")
        person("bob").experiments.LaunchExperiment(pb.LaunchExperimentRequest(experiment_id=made.experiment_id))
    process = service.get(made.experiment_id).process
    assert (process.launcher, process.directory.split("/exp-")[0]) == ("bob", "/scratch/ada")


def test_slow_hosts_leave_room_for_other_calls(executor, service):
    made = service.create()
    executor.free.clear()
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(service.validate, made.experiment_id, check_compute_resource=True) for _ in range(6)]
        refused = [each.result() for each in islice(as_completed(calls, timeout=20), 2)]
        assert all("already" in each.compute_resource_report_error for each in refused)
        executor.free.set()
    assert sum(each.result().compute_resource_report.passed for each in calls) == 4
