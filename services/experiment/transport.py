"""gRPC in: each call goes to its use case, with the identity behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

from services.chassis.rpc.auth import caller, require_service
from services.experiment.handlers.experiments import Experiments
from services.experiment.handlers.files import Files
from services.experiment.handlers.history import History
from services.experiment.handlers.launching import Launching
from services.experiment.handlers.plans import Plans
from services.experiment.handlers.projects import Projects
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.watching import Watching
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


class ProjectService(project_pb2_grpc.ProjectServiceServicer):
    """Serves vahana.experiment.v1.ProjectService."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects

    def CreateProject(
        self, request: project_pb2.CreateProjectRequest, context: object
    ) -> project_pb2.CreateProjectResponse:
        return self._projects.create(caller(), request)

    def GetProject(self, request: project_pb2.GetProjectRequest, context: object) -> project_pb2.GetProjectResponse:
        return self._projects.get(caller(), request)

    def ListProjects(
        self, request: project_pb2.ListProjectsRequest, context: object
    ) -> project_pb2.ListProjectsResponse:
        return self._projects.list_page(caller(), request)


class ExperimentService(experiment_pb2_grpc.ExperimentServiceServicer):
    """Serves vahana.experiment.v1.ExperimentService."""

    def __init__(self, experiments: Experiments, launching: Launching, watching: Watching, history: History) -> None:
        self._experiments = experiments
        self._launching = launching
        self._watching = watching
        self._history = history

    def CreateExperiment(
        self, request: experiment_pb2.CreateExperimentRequest, context: object
    ) -> experiment_pb2.CreateExperimentResponse:
        return self._experiments.create(caller(), request)

    def ValidateExperiment(
        self, request: experiment_pb2.ValidateExperimentRequest, context: object
    ) -> experiment_pb2.ValidateExperimentResponse:
        return self._experiments.validate(caller(), request)

    def LaunchExperiment(
        self, request: experiment_pb2.LaunchExperimentRequest, context: object
    ) -> experiment_pb2.LaunchExperimentResponse:
        return self._launching.launch(caller(), request)

    def GetExperiment(
        self, request: experiment_pb2.GetExperimentRequest, context: object
    ) -> experiment_pb2.GetExperimentResponse:
        return self._experiments.get(caller(), request)

    def ListExperiments(
        self, request: experiment_pb2.ListExperimentsRequest, context: object
    ) -> experiment_pb2.ListExperimentsResponse:
        return self._experiments.list_page(caller(), request)

    async def WatchExperiment(
        self, request: experiment_pb2.WatchExperimentRequest, context: object
    ) -> AsyncIterator[experiment_pb2.WatchExperimentResponse]:
        async with aclosing(self._watching.watch(caller(), request)) as responses:
            async for response in responses:
                yield response

    def ListExperimentEvents(
        self, request: experiment_pb2.ListExperimentEventsRequest, context: object
    ) -> experiment_pb2.ListExperimentEventsResponse:
        return self._history.events(caller(), request)

    def ListOutputs(
        self, request: experiment_pb2.ListOutputsRequest, context: object
    ) -> experiment_pb2.ListOutputsResponse:
        return self._history.outputs(caller(), request)


class DataService(data_pb2_grpc.DataServiceServicer):
    """Serves vahana.experiment.v1.DataService."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def UploadFile(
        self, request_iterator: Iterator[data_pb2.UploadFileRequest], context: object
    ) -> data_pb2.UploadFileResponse:
        return self._files.upload(caller(), request_iterator)

    def StatFile(self, request: data_pb2.StatFileRequest, context: object) -> data_pb2.StatFileResponse:
        return self._files.stat(caller(), request)

    def DownloadOutput(
        self, request: data_pb2.DownloadOutputRequest, context: object
    ) -> Iterator[data_pb2.DownloadOutputResponse]:
        return self._files.download(caller(), request)


class ProcessService(process_pb2_grpc.ProcessServiceServicer):
    """Serves vahana.experiment.v1.ProcessService, each call to the one service it is made for."""

    def __init__(self, plans: Plans, recording: Recording, files: Files) -> None:
        self._plans = plans
        self._recording = recording
        self._files = files

    def GetPlan(self, request: process_pb2.GetPlanRequest, context: object) -> Iterator[process_pb2.GetPlanResponse]:
        require_service("scheduler")
        return self._plans.stream(caller(), request)

    def PersistEvents(
        self, request: process_pb2.PersistEventsRequest, context: object
    ) -> process_pb2.PersistEventsResponse:
        require_service("eventsink")
        return self._recording.persist(request)

    def ReadFile(self, request: process_pb2.ReadFileRequest, context: object) -> Iterator[process_pb2.ReadFileResponse]:
        require_service("executor")
        return self._files.read(caller(), request)

    def WriteFile(
        self, request_iterator: Iterator[process_pb2.WriteFileRequest], context: object
    ) -> process_pb2.WriteFileResponse:
        require_service("executor")
        return self._files.write(caller(), request_iterator)
