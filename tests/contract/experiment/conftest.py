"""The experiment service alone, beside a registry that is played by two objects."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from services.chassis.errors import NotFound
from services.chassis.rpc.errors import code_of, to_trailer
from services.experiment.__main__ import wire
from vahana.event.v1 import event_pb2, state_pb2, task_pb2
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
from vahana.registry.v1 import application_pb2, application_pb2_grpc, compute_resource_pb2, compute_resource_pb2_grpc

CHUNK = 1_000_000
READS, REFERENCE = b"@read\nACGT\n", b">lambda\nGGGCGGCGACCT\n"


class FakeRegistry(
    application_pb2_grpc.ApplicationServiceServicer, compute_resource_pb2_grpc.ComputeResourceServiceServicer
):
    """Knows one application and one host, of the tenant "default"; keeps who asked."""

    def __init__(self):
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
        self.callers = []

    def GetApplication(self, request, context):
        self._admit(context, request.name == "bowtie2" and request.version in ("", "2.5.0"))
        return application_pb2.GetApplicationResponse(application=self.application)

    def GetComputeResource(self, request, context):
        self._admit(context, request.name == "cluster")
        return compute_resource_pb2.GetComputeResourceResponse(compute_resource=self.host)

    def _admit(self, context, known):
        metadata = dict(context.invocation_metadata())
        self.callers.append((metadata["authorization"], metadata["x-vahana-tenant"]))
        if not known or metadata["x-vahana-tenant"] != "default":
            not_found(context)


def not_found(context):
    """Refuse as a service of the mesh does."""
    refusal = NotFound("thing", "x")
    context.set_trailing_metadata((to_trailer(refusal),))
    context.abort(code_of(refusal), refusal.message)


class Experiments:
    """The service as its callers see it, and what they usually do."""

    def __init__(self, served):
        self.served = served

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


def chunks(content, kind):
    """Bytes as the parts of an upload."""
    return [kind(chunk=content[start : start + CHUNK]) for start in range(0, len(content), CHUNK)]


def digest(content):
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def registry():
    """The registry that is played; it serves at `address`."""
    fake = FakeRegistry()
    server = grpc.server(ThreadPoolExecutor(4))
    application_pb2_grpc.add_ApplicationServiceServicer_to_server(fake, server)
    compute_resource_pb2_grpc.add_ComputeResourceServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    fake.stop = lambda: server.stop(0).wait()
    server.start()
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
def bare(serve, registry, home):
    """The service with nothing in it."""
    return Experiments(serve(wire, registry_address=registry.address, max_file_bytes="5000000"))


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
