"""An application for tests: it notes that it ran, copies its input, waits, and ends with the exit code it was given."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import grpc

from tests.e2e.conftest import RunningMesh
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2
from vahana_client.connection import Connection, every
from vahana_client.files import reference, upload

PROJECT = "survival"
ENDED = {state_pb2.EXPERIMENT_STATE_COMPLETED, state_pb2.EXPERIMENT_STATE_FAILED, state_pb2.EXPERIMENT_STATE_CANCELED}
_PROGRAM = 'echo ran >> "$1"; cat "$2" > copy.txt; echo to-stdout; echo to-stderr >&2; sleep "$3"; exit "$4"'


def application(host: str) -> str:
    """The application file (JSON is YAML) with a deployment on one host."""
    words = ["-c", _PROGRAM, "probe", "{inputs.marker}", "{inputs.file}", "{inputs.seconds}", "{inputs.code}"]
    inputs = [
        {"name": "marker", "type": "STRING", "required": True},
        {"name": "file", "type": "URI", "required": True},
        {"name": "seconds", "type": "FLOAT", "default_value": "0"},
        {"name": "code", "type": "INTEGER", "default_value": "0"},
    ]
    content = {
        "module": {"name": f"probe-{host}", "version": "1", "description": "a program for tests"},
        "interface": {
            "inputs": inputs,
            "outputs": [{"name": "copy", "type": "URI", "required": True, "file": "copy.txt"}],
        },
        "deployments": [
            {
                "compute_resource": host,
                "executable": "/bin/sh",
                "arguments": words,
                "pre_job_commands": [["true"]],
                "post_job_commands": [["test", "-s", "copy.txt"]],
            }
        ],
    }
    return json.dumps(content)


def prepare(mesh: RunningMesh, directory: Path, host: str = "local") -> None:
    """Registers the application on a host and creates the project, unless that was done."""
    file = directory / f"{host}.yaml"
    file.write_text(application(host))
    mesh.ok("app", "register", file)
    if PROJECT not in {project["name"] for project in mesh.data("project", "list")}:
        mesh.ok("project", "create", PROJECT)


class Probe:
    """One experiment of the probe, and what can be asked of it."""

    def __init__(self, connection: Connection, directory: Path, host: str = "local") -> None:
        self.connection = connection
        self.marker = directory / f"{uuid.uuid4().hex}.ran"
        self.content = f"content of {self.marker.name}\n"
        self._file = directory / f"{self.marker.stem}.txt"
        self._file.write_text(self.content)
        self._host = host
        self.id = ""

    def create(self, *, seconds: float = 0, code: int = 0) -> "Probe":
        """Uploads the input and stores the experiment."""
        stored = reference(self._file)
        upload(self.connection, self._file, stored)
        spec = experiment_pb2.ExperimentSpec(
            name=self.marker.stem, project=PROJECT, application=f"probe-{self._host}", compute_resource=self._host
        )
        spec.inputs.add(name="marker", value=str(self.marker))
        spec.inputs.add(name="seconds", value=str(seconds))
        spec.inputs.add(name="code", value=str(code))
        spec.inputs.add(name="file", files=[stored])
        request = experiment_pb2.CreateExperimentRequest(spec=spec, request_id=uuid.uuid4().hex)
        self.id = self.connection.experiments.CreateExperiment(request).experiment.experiment_id
        return self

    def launch(self) -> "Probe":
        """Launches it."""
        request = experiment_pb2.LaunchExperimentRequest(experiment_id=self.id, request_id=uuid.uuid4().hex)
        self.connection.experiments.LaunchExperiment(request)
        return self

    def get(self) -> experiment_pb2.GetExperimentResponse:
        """How it stands."""
        return self.connection.experiments.GetExperiment(experiment_pb2.GetExperimentRequest(experiment_id=self.id))

    def wait(
        self, condition: Callable[[experiment_pb2.GetExperimentResponse], bool], seconds: float = 90
    ) -> experiment_pb2.GetExperimentResponse:
        """Waits until a condition holds of how it stands, through outages of the services asked."""
        deadline = time.monotonic() + seconds
        seen: object = None
        while time.monotonic() < deadline:
            try:
                answer = self.get()
                if condition(answer):
                    return answer
                seen = answer
            except grpc.RpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                seen = error
            time.sleep(0.03)
        raise AssertionError(f"waited {seconds} s in vain; last seen: {seen}")

    def wait_task(self, task_id: str, *states: int) -> experiment_pb2.GetExperimentResponse:
        """Waits until a task is in one of the states given."""
        return self.wait(lambda answer: any(t.task_id == task_id and t.state in states for t in answer.tasks))

    def wait_end(self, seconds: float = 90) -> experiment_pb2.GetExperimentResponse:
        """Waits for a terminal state."""
        return self.wait(lambda answer: answer.experiment.state in ENDED, seconds)

    def runs(self) -> int:
        """How often the payload ran."""
        return len(self.marker.read_text().splitlines()) if self.marker.exists() else 0

    def history(self) -> list[experiment_pb2.HistoryEvent]:
        """All recorded changes, in order."""

        def page(token: str) -> experiment_pb2.ListExperimentEventsResponse:
            request = experiment_pb2.ListExperimentEventsRequest(experiment_id=self.id, page_size=7, page_token=token)
            return self.connection.experiments.ListExperimentEvents(request)

        return list(every(page, lambda answer: answer.events))
