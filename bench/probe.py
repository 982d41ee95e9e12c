"""The application that is measured: a job that copies its input and ends; the mesh does the rest."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from bench.mesh import BenchMesh
from vahana.event.v1 import state_pb2
from vahana.experiment.v1 import experiment_pb2, project_pb2
from vahana_client.connection import Connection, every, new_request_id
from vahana_client.files import reference, upload

PROJECT = "bench"
APPLICATION = "bench-copy"
HOST = "local"

_APPLICATION = {
    "module": {"name": APPLICATION, "version": "1", "description": "copies its input"},
    "interface": {
        "inputs": [{"name": "file", "type": "URI", "required": True}],
        "outputs": [{"name": "copy", "type": "URI", "required": True, "file": "copy.txt"}],
    },
    "deployments": [
        {
            "compute_resource": HOST,
            "executable": "/bin/cp",
            "arguments": ["{inputs.file}", "copy.txt"],
            "pre_job_commands": [["true"]],
            "post_job_commands": [["test", "-s", "copy.txt"]],
        }
    ],
}


def prepare(mesh: BenchMesh, directory: Path) -> None:
    """Register the application and create the project."""
    file = directory / "application.yaml"
    file.write_text(json.dumps(_APPLICATION))  # JSON is YAML
    mesh.vahana("app", "register", file)
    with mesh.connect() as connection:
        project = project_pb2.Project(name=PROJECT)
        connection.projects.CreateProject(
            project_pb2.CreateProjectRequest(project=project, request_id=new_request_id())
        )


class Probe:
    """One experiment of the application."""

    def __init__(self, connection: Connection, file: Path) -> None:
        """Upload the input, unless the mesh has it, and create the experiment."""
        self._experiments = connection.experiments
        stored = reference(file)
        upload(connection, file, stored)
        spec = experiment_pb2.ExperimentSpec(
            name=file.stem, project=PROJECT, application=APPLICATION, compute_resource=HOST
        )
        spec.inputs.add(name="file", files=[stored])
        request = experiment_pb2.CreateExperimentRequest(spec=spec, request_id=new_request_id())
        self.id = self._experiments.CreateExperiment(request).experiment.experiment_id

    def launch(self) -> float:
        """Launch it; return the monotonic time just before."""
        began = time.monotonic()
        request = experiment_pb2.LaunchExperimentRequest(experiment_id=self.id, request_id=new_request_id())
        self._experiments.LaunchExperiment(request)
        return began

    def watch(self) -> Iterator[experiment_pb2.WatchExperimentResponse]:
        """Yield what a watcher sees, to the end; RuntimeError where that is not COMPLETED."""
        seen = None
        request = experiment_pb2.WatchExperimentRequest(experiment_id=self.id)
        for seen in self._experiments.WatchExperiment(request, timeout=120):
            yield seen
        if seen is None or seen.experiment.state != state_pb2.EXPERIMENT_STATE_COMPLETED:
            raise RuntimeError(f"{self.id} did not complete: {seen}")

    def wait(self) -> None:
        """Watch it to the end."""
        for _ in self.watch():
            pass

    def history(self) -> list[experiment_pb2.HistoryEvent]:
        """All that was recorded about it, in order."""

        def page(token: str) -> experiment_pb2.ListExperimentEventsResponse:
            request = experiment_pb2.ListExperimentEventsRequest(experiment_id=self.id, page_token=token)
            return self._experiments.ListExperimentEvents(request)

        return list(every(page, lambda answer: answer.events))

    def tasks(self) -> int:
        """How many tasks it had."""
        answer = self._experiments.GetExperiment(experiment_pb2.GetExperimentRequest(experiment_id=self.id))
        return len(answer.tasks)
