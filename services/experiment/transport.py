"""gRPC in: each call goes to its use case, with the identity behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

from services.chassis.rpc.auth import caller, require_service
from services.chassis.rpc.copies import OperatedCopies
from services.experiment.handlers.changing import Changing
from services.experiment.handlers.experiments import Experiments
from services.experiment.handlers.explaining import Explaining
from services.experiment.handlers.files import Files
from services.experiment.handlers.history import History
from services.experiment.handlers.intents import Intents
from services.experiment.handlers.launching import Launching
from services.experiment.handlers.plans import Plans
from services.experiment.handlers.projects import Projects
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.rehearsing import Rehearsing
from services.experiment.handlers.sharing import Sharing
from services.experiment.handlers.watching import Watching
from vahana.experiment.v1 import (
    copy_pb2,
    copy_pb2_grpc,
    data_pb2,
    data_pb2_grpc,
    experiment_pb2,
    experiment_pb2_grpc,
    process_pb2,
    process_pb2_grpc,
    project_pb2,
    project_pb2_grpc,
    sharing_pb2,
    sharing_pb2_grpc,
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

    def UpdateProject(
        self, request: project_pb2.UpdateProjectRequest, context: object
    ) -> project_pb2.UpdateProjectResponse:
        return self._projects.update(caller(), request)


class SharingService(sharing_pb2_grpc.SharingServiceServicer):
    """Serves vahana.experiment.v1.SharingService."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def ShareEntity(self, request: sharing_pb2.ShareEntityRequest, context: object) -> sharing_pb2.ShareEntityResponse:
        return self._sharing.share(caller(), request)

    def UnshareEntity(
        self, request: sharing_pb2.UnshareEntityRequest, context: object
    ) -> sharing_pb2.UnshareEntityResponse:
        return self._sharing.unshare(caller(), request)

    def ListShares(self, request: sharing_pb2.ListSharesRequest, context: object) -> sharing_pb2.ListSharesResponse:
        return self._sharing.list_page(caller(), request)


class ExperimentService(experiment_pb2_grpc.ExperimentServiceServicer):
    """Serves vahana.experiment.v1.ExperimentService."""

    def __init__(
        self,
        experiments: Experiments,
        changing: Changing,
        rehearsing: Rehearsing,
        launching: Launching,
        intents: Intents,
        *,
        watching: Watching,
        history: History,
        explaining: Explaining,
    ) -> None:
        self._experiments = experiments
        self._changing = changing
        self._rehearsing = rehearsing
        self._launching = launching
        self._intents = intents
        self._watching = watching
        self._history = history
        self._explaining = explaining

    def CreateExperiment(
        self, request: experiment_pb2.CreateExperimentRequest, context: object
    ) -> experiment_pb2.CreateExperimentResponse:
        return self._experiments.create(caller(), request)

    def UpdateExperiment(
        self, request: experiment_pb2.UpdateExperimentRequest, context: object
    ) -> experiment_pb2.UpdateExperimentResponse:
        return self._changing.update(caller(), request)

    def CloneExperiment(
        self, request: experiment_pb2.CloneExperimentRequest, context: object
    ) -> experiment_pb2.CloneExperimentResponse:
        return self._experiments.clone(caller(), request)

    def ValidateExperiment(
        self, request: experiment_pb2.ValidateExperimentRequest, context: object
    ) -> experiment_pb2.ValidateExperimentResponse:
        return self._rehearsing.validate(caller(), request)

    def LaunchExperiment(
        self, request: experiment_pb2.LaunchExperimentRequest, context: object
    ) -> experiment_pb2.LaunchExperimentResponse:
        return self._launching.launch(caller(), request)

    def RelaunchExperiment(
        self, request: experiment_pb2.RelaunchExperimentRequest, context: object
    ) -> experiment_pb2.RelaunchExperimentResponse:
        return self._launching.relaunch(caller(), request)

    def CancelExperiment(
        self, request: experiment_pb2.CancelExperimentRequest, context: object
    ) -> experiment_pb2.CancelExperimentResponse:
        return self._intents.cancel(caller(), request)

    def PauseExperiment(
        self, request: experiment_pb2.PauseExperimentRequest, context: object
    ) -> experiment_pb2.PauseExperimentResponse:
        return self._intents.pause(caller(), request)

    def ResumeExperiment(
        self, request: experiment_pb2.ResumeExperimentRequest, context: object
    ) -> experiment_pb2.ResumeExperimentResponse:
        return self._intents.resume(caller(), request)

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

    def CheckHistory(
        self, request: experiment_pb2.CheckHistoryRequest, context: object
    ) -> experiment_pb2.CheckHistoryResponse:
        return self._history.check(caller(), request)

    def ExplainExperiment(
        self, request: experiment_pb2.ExplainExperimentRequest, context: object
    ) -> experiment_pb2.ExplainExperimentResponse:
        return self._explaining.explain(caller(), request)

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


class CopyService(copy_pb2_grpc.CopyServiceServicer):
    """Serves vahana.experiment.v1.CopyService."""

    def __init__(self, copies: OperatedCopies[copy_pb2.ListCopiesResponse, copy_pb2.RebuildCopiesResponse]) -> None:
        self._copies = copies

    def ListCopies(self, request: copy_pb2.ListCopiesRequest, context: object) -> copy_pb2.ListCopiesResponse:
        return self._copies.list(request)

    def RebuildCopies(self, request: copy_pb2.RebuildCopiesRequest, context: object) -> copy_pb2.RebuildCopiesResponse:
        return self._copies.rebuild(request)
