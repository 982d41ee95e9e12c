"""Starts the experiment service."""

from __future__ import annotations

import sys

from services.chassis.blobs.directory import DirectoryBlobs
from services.chassis.bus.topics import EXPERIMENT_SYNC, SYNC
from services.chassis.changes import PROFILE, REGISTRY
from services.chassis.copies import Copies
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.outbox import Outbox
from services.chassis.requests import Requests
from services.chassis.rpc.copies import OperatedCopies
from services.chassis.rpc.server import RpcServer
from services.chassis.run import Chassis, main
from services.chassis.sources import EntitySource
from services.chassis.timers import Timer
from services.chassis.wake import Wakeups
from services.experiment.handlers.access import Access
from services.experiment.handlers.catalog import CopiedCatalog
from services.experiment.handlers.changing import Changing
from services.experiment.handlers.checking import Checker
from services.experiment.handlers.directory import CopiedDirectory
from services.experiment.handlers.experiments import Experiments
from services.experiment.handlers.explaining import Explaining
from services.experiment.handlers.files import Files
from services.experiment.handlers.history import History
from services.experiment.handlers.intents import Intents
from services.experiment.handlers.launching import Launching
from services.experiment.handlers.memberships import Memberships
from services.experiment.handlers.plans import Plans
from services.experiment.handlers.projects import Projects
from services.experiment.handlers.recording import Recording
from services.experiment.handlers.rehearsing import Rehearsing
from services.experiment.handlers.settling import Settling
from services.experiment.handlers.sharing import Sharing
from services.experiment.handlers.watching import Watching
from services.experiment.peers import COPIED, EXECUTOR, SCHEDULER, Executors, Explainers, owners
from services.experiment.schema import metadata
from services.experiment.settings import ExperimentSettings
from services.experiment.transport import (
    CopyService,
    DataService,
    ExperimentService,
    ProcessService,
    ProjectService,
    SharingService,
)
from services.experiment.wire.plans import Bounds
from vahana.experiment.v1 import (
    copy_pb2,
    copy_pb2_grpc,
    data_pb2_grpc,
    experiment_pb2_grpc,
    parked_pb2,
    parked_pb2_grpc,
    process_pb2_grpc,
    project_pb2_grpc,
    sharing_pb2_grpc,
)

_PACKAGE = "vahana.experiment.v1"


def serve(
    rpc: RpcServer,
    settings: ExperimentSettings,
    db: Database,
    *,
    entities: Entities,
    source: EntitySource,
    copied: Copies,
    executors: Executors,
    explainers: Explainers,
    outbox: Outbox,
    settling: Settling,
) -> None:
    """Put the service's use cases together and add them to the server."""
    catalog = CopiedCatalog(source)
    requests = Requests(metadata)
    access = Access(entities, Memberships(source))
    checker = Checker(db, catalog, access)
    wakeups = Wakeups()
    bounds = Bounds(
        max_attempts=settings.max_attempts,
        initial_backoff=settings.initial_backoff_seconds,
        max_backoff=settings.max_backoff_seconds,
        blocked_budget=settings.blocked_budget_seconds,
    )
    directory = CopiedDirectory(source)
    files = Files(db, access, DirectoryBlobs(settings.blobs_root), settings.max_file_bytes)
    experiments = ExperimentService(
        Experiments(db, requests, access, checker),
        Changing(db, access, checker, wakeups),
        Rehearsing(db, access, checker, bounds, executors=executors, wakeups=wakeups),
        Launching(db, requests, access, checker, bounds, outbox=outbox, wakeups=wakeups),
        Intents(db, access, outbox=outbox, wakeups=wakeups),
        watching=Watching(db, access, wakeups),
        history=History(db, access),
        explaining=Explaining(db, access, outbox, explainers),
    )
    processes = ProcessService(Plans(db), Recording(db, wakeups, settling), files)

    add = rpc.add
    add(
        project_pb2_grpc.add_ProjectServiceServicer_to_server,
        ProjectService(Projects(db, requests, access, directory)),
        f"{_PACKAGE}.ProjectService",
    )
    add(
        sharing_pb2_grpc.add_SharingServiceServicer_to_server,
        SharingService(Sharing(db, access, directory)),
        f"{_PACKAGE}.SharingService",
    )
    add(experiment_pb2_grpc.add_ExperimentServiceServicer_to_server, experiments, f"{_PACKAGE}.ExperimentService")
    add(data_pb2_grpc.add_DataServiceServicer_to_server, DataService(files), f"{_PACKAGE}.DataService")
    add(process_pb2_grpc.add_ProcessServiceServicer_to_server, processes, f"{_PACKAGE}.ProcessService")
    operated = OperatedCopies(
        copied,
        state=copy_pb2.CopyState,
        listed=copy_pb2.ListCopiesResponse,
        rebuilt=copy_pb2.RebuildCopiesResponse,
    )
    add(copy_pb2_grpc.add_CopyServiceServicer_to_server, CopyService(operated), f"{_PACKAGE}.CopyService")


def wire() -> Chassis:
    """The service as its settings want it."""
    settings = ExperimentSettings()
    chassis = Chassis.start(settings, metadata, "services.experiment")
    outbox, entities, peers = (
        Outbox(metadata),
        Entities(metadata),
        owners(chassis.peer(PROFILE), chassis.peer(REGISTRY)),
    )
    copied = Copies(chassis.db, entities, COPIED, peers)
    source = EntitySource(chassis.db, entities, peers)
    executor = chassis.peer(EXECUTOR)
    settling = Settling(chassis.db, outbox)
    histories = Timer("histories", settling.look)
    settling.on_put_off = histories.wake
    serve(
        chassis.rpc,
        settings,
        chassis.db,
        entities=entities,
        source=source,
        copied=copied,
        executors=Executors(executor),
        explainers=Explainers(chassis.peer(SCHEDULER), executor),
        outbox=outbox,
        settling=settling,
    )
    chassis.background("histories", histories.run)
    chassis.relay(outbox)
    chassis.consume(EXPERIMENT_SYNC, [SYNC], copied.handle, name="sync")
    chassis.operate_parked(
        parked_pb2_grpc.add_ParkedServiceServicer_to_server, "vahana.experiment.v1.ParkedService", parked_pb2
    )
    chassis.background("copies", copied.fill)
    return chassis


if __name__ == "__main__":
    sys.exit(main(wire))
