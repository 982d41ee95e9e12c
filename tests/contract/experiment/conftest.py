"""The experiment service alone, told of what profile and registry would tell."""

import hashlib
import threading

import grpc
import pytest
import sqlalchemy as sa

from services.chassis.bus.topics import HISTORY, PROCESS
from services.chassis.changes import REGISTRY
from services.experiment.__main__ import wire
from tests.contract.experiment.people import people
from tests.contract.experiment.played_executor import PlayedExecutor
from tests.contract.owners import PlayedOwners
from vahana.event.v1 import event_pb2, state_pb2, sync_pb2, task_pb2
from vahana.experiment.v1 import (
    data_pb2,
    data_pb2_grpc,
    experiment_pb2,
    experiment_pb2_grpc,
    process_pb2,
    process_pb2_grpc,
    project_pb2,
    project_pb2_grpc,
)
from vahana.registry.v1 import application_pb2, compute_resource_pb2

CHUNK = 1_000_000
READS, REFERENCE = b"@read\nACGT\n", b">lambda\nGGGCGGCGACCT\n"


class FakeRegistry(PlayedOwners):
    """Knows one application and one host, of the tenant "default"; profile's part is played too.

    What a test changes here the service knows after `service.learn()`.
    """

    def __init__(self):
        super().__init__()
        self.application = application_pb2.Application(
            module={"name": "bowtie2", "version": "2.5.0"},
            interface={
                "inputs": [
                    {"name": "reference", "type": application_pb2.DATA_TYPE_URI, "required": True},
                    {
                        "name": "reads",
                        "type": application_pb2.DATA_TYPE_URI,
                        "required": True,
                        "on_command_line": True,
                        "option": "-U",
                    },
                    {"name": "seed", "type": application_pb2.DATA_TYPE_INTEGER, "default_value": "7"},
                ],
                "outputs": [
                    {"name": "alignment", "type": application_pb2.DATA_TYPE_URI, "file": "a.sam", "required": True}
                ],
            },
            deployments=[
                {
                    "compute_resource": "cluster",
                    "executable": "bowtie2",
                    "arguments": ["-x", "index", "--seed", "{inputs.seed}"],
                    "pre_job_commands": [{"arguments": ["bowtie2-build", "{inputs.reference}", "index"]}],
                    "command_timeout": {"seconds": 90},
                }
            ],
        )
        self.host = compute_resource_pb2.ComputeResource(
            name="cluster",
            address="127.0.0.1",
            port=22,
            host_keys=["ssh-ed25519 AAAA"],
            login="ada",
            credential_id="cred-1",
            scratch="/scratch/ada",
            job_manager=task_pb2.JOB_MANAGER_FORK,
        )
        self.profiles = []
        self.later = []

    def add_version(self, version):
        """The application in a later version; returns it."""
        later = application_pb2.Application()
        later.CopyFrom(self.application)
        later.module.version = version
        later.module.create_time.FromSeconds(len(self.later) + 1)
        self.later.append(later)
        return later

    def of(self, owner):
        """See PlayedOwners; with what the attributes hold now."""
        if owner == REGISTRY:
            self._refresh()
        return super().of(owner)

    def _refresh(self):
        resource, application, deployment, profile = kinds = (
            sync_pb2.ENTITY_KIND_COMPUTE_RESOURCE,
            sync_pb2.ENTITY_KIND_APPLICATION,
            sync_pb2.ENTITY_KIND_APPLICATION_DEPLOYMENT,
            sync_pb2.ENTITY_KIND_GROUP_RESOURCE_PROFILE,
        )
        for kind, tenant, name in [key for key in self.changes if key[0] in kinds and key[1] == "default"]:
            self.put(kind, name, None, tenant=tenant)
        self.put(resource, self.host.name, self.host)
        for whole in (self.application, *self.later):
            full_name = f"{whole.module.name}/{whole.module.version}"
            alone = application_pb2.Application()
            alone.CopyFrom(whole)
            del alone.deployments[:]
            self.put(application, full_name, alone, whole.module.name)
            for each in whole.deployments:
                self.put(deployment, f"{full_name}/{each.compute_resource}", each, full_name)
        for each in self.profiles:
            self.put(profile, each.name, each)


class Experiments:
    """The service as its callers see it, and what they usually do."""

    def __init__(self, served, registry):
        self.served, self._registry = served, registry

    def learn(self):
        """Make its copies whole."""
        self._registry.tell(self.served.chassis)

    def projects(self, who="user", tenant=""):
        return self.served.stub(project_pb2_grpc.ProjectServiceStub, who, tenant)

    def experiments(self, who="user", tenant=""):
        return self.served.stub(experiment_pb2_grpc.ExperimentServiceStub, who, tenant)

    def data(self, who="user", tenant=""):
        return self.served.stub(data_pb2_grpc.DataServiceStub, who, tenant)

    def processes(self, who, tenant=""):
        return self.served.stub(process_pb2_grpc.ProcessServiceStub, who, tenant)

    def upload(self, content, who="user"):
        """Store bytes; returns their digest."""
        header = data_pb2.FileHeader(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        parts = [data_pb2.UploadFileRequest(header=header), *chunks(content, data_pb2.UploadFileRequest)]
        return self.data(who).UploadFile(iter(parts)).sha256

    def spec(self, **changes):
        """A sound experiment, with what differs."""
        usual = {
            "name": "lambda",
            "project": "phages",
            "application": "bowtie2",
            "compute_resource": "cluster",
            "inputs": [
                {"name": "reference", "files": [{"sha256": digest(REFERENCE), "file_name": "lambda.fa"}]},
                {"name": "reads", "files": [{"sha256": digest(READS), "file_name": "reads.fq"}]},
            ],
            "cleanup_policy": experiment_pb2.CLEANUP_POLICY_ALWAYS,
        }
        return experiment_pb2.ExperimentSpec(**usual | changes)

    def create(self, request_id="", **changes):
        request = experiment_pb2.CreateExperimentRequest(spec=self.spec(**changes), request_id=request_id)
        return self.experiments().CreateExperiment(request).experiment

    def launch(self, experiment_id, request_id=""):
        request = experiment_pb2.LaunchExperimentRequest(experiment_id=experiment_id, request_id=request_id)
        return self.experiments().LaunchExperiment(request).experiment

    def validate(self, experiment_id, who="user", **more):
        request = experiment_pb2.ValidateExperimentRequest(experiment_id=experiment_id, **more)
        return self.experiments(who).ValidateExperiment(request)

    def update(self, experiment_id, *paths, who="user", revision=0, **spec):
        """Change the fields of the spec given by name, or those of `paths`."""
        request = experiment_pb2.UpdateExperimentRequest(
            experiment_id=experiment_id, spec=spec, update_mask={"paths": paths or spec}, revision=revision
        )
        return self.experiments(who).UpdateExperiment(request).experiment

    def clone(self, experiment_id, who="user", **more):
        request = experiment_pb2.CloneExperimentRequest(experiment_id=experiment_id, **more)
        return self.experiments(who).CloneExperiment(request).experiment

    def relaunch(self, experiment_id, request_id=""):
        request = experiment_pb2.RelaunchExperimentRequest(experiment_id=experiment_id, request_id=request_id)
        return self.experiments().RelaunchExperiment(request).experiment

    def cancel(self, experiment_id, comment="", who="user"):
        request = experiment_pb2.CancelExperimentRequest(experiment_id=experiment_id, comment=comment)
        return self.experiments(who).CancelExperiment(request).experiment

    def pause(self, experiment_id, comment="", who="user"):
        request = experiment_pb2.PauseExperimentRequest(experiment_id=experiment_id, comment=comment)
        return self.experiments(who).PauseExperiment(request).experiment

    def resume(self, experiment_id, comment="", who="user"):
        request = experiment_pb2.ResumeExperimentRequest(experiment_id=experiment_id, comment=comment)
        return self.experiments(who).ResumeExperiment(request).experiment

    def sent(self):
        """What is in the outbox of launches and intents, in the order of sending: key and envelope."""
        return self.kept(PROCESS)

    def kept(self, topic):
        """What is in the outbox for a topic, in the order of sending: key and envelope."""
        outbox = sa.table("outbox", sa.column("topic"), sa.column("key"), sa.column("value"), sa.column("id"))
        with self.served.chassis.db.read() as tx:
            rows = tx.execute(sa.select(outbox).order_by(outbox.c.id)).all()
        assert {row.topic for row in rows} <= {PROCESS.name, HISTORY.name}
        found = [row for row in rows if row.topic == topic.name]
        return [(row.key, event_pb2.Envelope.FromString(row.value)) for row in found]

    def launched(self):
        """A new experiment, launched."""
        return self.launch(self.create().experiment_id)

    def get(self, experiment_id):
        return self.experiments().GetExperiment(experiment_pb2.GetExperimentRequest(experiment_id=experiment_id))

    def persist(self, *envelopes):
        """Have events recorded; returns how many were recorded, repeated and unknown."""
        request = process_pb2.PersistEventsRequest(events=envelopes)
        counts = self.processes("eventsink").PersistEvents(request)
        return counts.recorded, counts.repeated, counts.unknown

    def history(self, experiment_id, **page):
        request = experiment_pb2.ListExperimentEventsRequest(experiment_id=experiment_id, **page)
        return self.experiments().ListExperimentEvents(request)


class Reports:
    """Makes the envelopes of one process's events."""

    def __init__(self, experiment, tenant="default"):
        self._ids = {"experiment_id": experiment.experiment_id, "process_id": experiment.process_id}
        self._tenant = tenant
        self.count = 0

    def process(self, state, seq, **more):
        """The scheduler on the process; `state` is the name without its prefix."""
        number = state_pb2.ProcessState.Value(f"PROCESS_STATE_{state}")
        return self._envelope(source="scheduler", seq=seq, process_state=number, **more)

    def task(self, task_id, state, seq=1, attempt=1, source="executor", **more):
        """A service on one attempt of a task."""
        number = state_pb2.TaskState.Value(f"TASK_STATE_{state}")
        source = "scheduler" if state in ("SCHEDULED", "SKIPPED") else source
        return self._envelope(source=source, task_id=task_id, attempt=attempt, seq=seq, task_state=number, **more)

    def staged(self, name, content, seq=2):
        """The executor on an output it brought back."""
        file = {"name": name, "file_name": f"{name}.sam", "sha256": digest(content), "size": len(content)}
        kind = state_pb2.TASK_TYPE_DATA_STAGING_OUT
        return self.task(f"stage-out-{name}", "COMPLETED", seq=seq, task_type=kind, file=file)

    def _envelope(self, **content):
        self.count += 1
        change = event_pb2.StatusChanged(**self._ids, **content)
        change.time.FromSeconds(1_700_000_000 + self.count)
        return event_pb2.Envelope(
            id=f"msg-{self.count}",
            tenant=self._tenant,
            aggregate_id=change.process_id,
            source=change.source,
            status_changed=change,
        )


def at_once(*calls):
    """Make calls at the same time; their answers, None where a state or a revision forbade them."""
    answers, others = [None] * len(calls), []

    def run(number, call):
        try:
            answers[number] = call()
        except grpc.RpcError as error:
            if error.code() not in {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED}:
                others.append(error)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert others == []
    return answers


def chunks(content, kind):
    """Bytes as the parts of an upload."""
    return [kind(chunk=content[start : start + CHUNK]) for start in range(0, len(content), CHUNK)]


def digest(content):
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def registry():
    """What the service is told of; it may be asked at `address`."""
    fake = FakeRegistry()
    fake.serve()
    yield fake
    fake.stop()


@pytest.fixture
def home(tmp_path):
    """The service's home, with the token it calls others with."""
    tokens = tmp_path / "home" / "tokens"
    tokens.mkdir(parents=True)
    (tokens / "experiment").write_text("token-experiment")
    return tmp_path / "home"


@pytest.fixture
def unknowing(serve, registry, home):
    """The service with nothing in it, not even copies."""
    own = {"registry_address": registry.address, "profile_address": registry.address, "max_file_bytes": "5000000"}
    return Experiments(serve(wire, **own), registry)


@pytest.fixture
def bare(unknowing):
    """The service with nothing of its own in it."""
    unknowing.learn()
    return unknowing


@pytest.fixture
def service(bare):
    """The service with a project and the two input files."""
    bare.projects().CreateProject(project_pb2.CreateProjectRequest(project={"name": "phages"}))
    bare.upload(READS)
    bare.upload(REFERENCE)
    return bare


@pytest.fixture
def launched(service):
    """An experiment that was launched."""
    return service.launched()


@pytest.fixture
def reports(launched):
    """Makes events of its process."""
    return Reports(launched)


@pytest.fixture
def executor(monkeypatch):
    """The executor, played; to be asked for before the service."""
    played = PlayedExecutor()
    monkeypatch.setenv("VAHANA_EXECUTOR_ADDRESS", played.address)
    yield played
    played.stop()


@pytest.fixture
def person(service):
    """`person(name, *roles)` calls the service."""
    with people(service.served.address) as made:
        yield made
