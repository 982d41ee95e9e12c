"""Starts the experiment service."""

from __future__ import annotations

import sys

from services.chassis.blobs.directory import DirectoryBlobs
from services.chassis.db import Database
from services.chassis.outbox import Outbox
from services.chassis.requests import Requests
from services.chassis.rpc.client import channel
from services.chassis.rpc.server import RpcServer
from services.chassis.run import Chassis, main
from services.chassis.wake import Wakeups
from services.experiment.domain.facts import Catalog
from services.experiment.handlers.answers import Answers
from services.experiment.handlers.checking import Checker
from services.experiment.handlers.experiments import Experiments
from services.experiment.handlers.files import Files
from services.experiment.handlers.history import History
from services.experiment.handlers.launching import Launching
from services.experiment.handlers.plans import Plans
from services.experiment.handlers.projects import Projects
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.watching import Watching
from services.experiment.peers import REGISTRY, RegistryCatalog
from services.experiment.schema import metadata
from services.experiment.settings import ExperimentSettings
from services.experiment.transport import DataService, ExperimentService, ProcessService, ProjectService
from services.experiment.wire.plans import Bounds
from vahana.experiment.v1 import data_pb2_grpc, experiment_pb2_grpc, process_pb2_grpc, project_pb2_grpc

_PACKAGE = "vahana.experiment.v1"


def serve(rpc: RpcServer, settings: ExperimentSettings, db: Database, catalog: Catalog, outbox: Outbox) -> None:
    """Put the service's use cases together and add them to the server."""
    answers = Answers(Requests(metadata))
    checker = Checker(db, catalog)
    wakeups = Wakeups()
    bounds = Bounds(
        max_attempts=settings.max_attempts,
        initial_backoff=settings.initial_backoff_seconds,
        max_backoff=settings.max_backoff_seconds,
        blocked_budget=settings.blocked_budget_seconds,
    )
    files = Files(db, DirectoryBlobs(settings.blobs_root), settings.max_file_bytes)
    launching = Launching(db, answers, checker, bounds, outbox=outbox, wakeups=wakeups)
    experiments = ExperimentService(
        Experiments(db, answers, checker, bounds), launching, Watching(db, wakeups), History(db)
    )
    processes = ProcessService(Plans(db), Recording(db, wakeups), files)

    add = rpc.add
    add(
        project_pb2_grpc.add_ProjectServiceServicer_to_server,
        ProjectService(Projects(db, answers)),
        f"{_PACKAGE}.ProjectService",
    )
    add(experiment_pb2_grpc.add_ExperimentServiceServicer_to_server, experiments, f"{_PACKAGE}.ExperimentService")
    add(data_pb2_grpc.add_DataServiceServicer_to_server, DataService(files), f"{_PACKAGE}.DataService")
    add(process_pb2_grpc.add_ProcessServiceServicer_to_server, processes, f"{_PACKAGE}.ProcessService")


def wire() -> Chassis:
    """The service as its settings want it."""
    settings = ExperimentSettings()
    chassis = Chassis.start(settings, metadata, "services.experiment")
    registry = channel(settings.registry_address, settings.token_file, service=REGISTRY)
    chassis.closing(registry.close)
    outbox = Outbox(metadata)
    serve(chassis.rpc, settings, chassis.db, RegistryCatalog(registry), outbox)
    chassis.relay(outbox)
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
