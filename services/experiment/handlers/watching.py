"""Following an experiment: the present state first, then every change, to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from services.chassis.db import Database
from services.chassis.rpc.auth import Identity
from services.chassis.wake import Wakeups
from services.experiment.domain.access import Permission
from services.experiment.domain.records import Experiment, Process, Task
from services.experiment.domain.transitions import terminal
from services.experiment.handlers.access import Access, Granted
from services.experiment.storage import processes
from services.experiment.wire import records as wire
from vahana.experiment.v1 import experiment_pb2 as pb


@dataclass(frozen=True, slots=True)
class _View:
    """An experiment as it stood at one moment, with the tasks that changed since the view before."""

    granted: Granted[Experiment]
    process: Process | None
    tasks: list[Task]

    @property
    def version(self) -> tuple[int, Permission]:
        """The same as long as there is nothing new to tell."""
        return self.granted.row.revision, self.granted.permission

    def message(self) -> pb.WatchExperimentResponse:
        return pb.WatchExperimentResponse(
            experiment=wire.experiment(self.granted.row, self.granted.permission),
            process=wire.process(self.process) if self.process else None,
            tasks=[wire.task(each) for each in self.tasks],
        )


class Watching:
    """Follows experiments for any number of callers; each look is one short read."""

    def __init__(self, db: Database, access: Access, wakeups: Wakeups) -> None:
        """`wakeups` tells of changes made here; those made by other replicas are seen within a second."""
        self._db = db
        self._access = access
        self._wakeups = wakeups

    async def watch(
        self, who: Identity, request: pb.WatchExperimentRequest
    ) -> AsyncGenerator[pb.WatchExperimentResponse, None]:
        """The present state, then each change; ends after a terminal state, and with NotFound once it is not shared."""
        seen: _View | None = None
        listening = cast(AsyncGenerator[None, None], self._wakeups.listen(request.experiment_id))
        async with aclosing(listening) as occasions:
            async for _ in occasions:
                view = await asyncio.to_thread(self._judged, who, request.experiment_id, seen)
                if view is None:
                    continue
                seen = view
                yield view.message()
                if terminal(view.granted.row.state):
                    return

    def _judged(self, who: Identity, experiment_id: str, seen: _View | None) -> _View | None:
        return self._access.judged(who, lambda: self._look(who, experiment_id, seen))

    def _look(self, who: Identity, experiment_id: str, seen: _View | None) -> _View | None:
        """The experiment as it stands; None where it stands as it was seen."""
        with self._db.read() as tx:
            granted = self._access.experiment(tx, who, experiment_id, Permission.READ)
            row = granted.row
            if seen is not None and (row.revision, granted.permission) == seen.version:
                return None
            process = processes.find(tx, who.tenant, row.process_id) if row.process_id else None
            if process is None:
                return _View(granted, None, [])
            before = seen.process if seen else None
            since = before.revision if before and before.process_id == process.process_id else -1
            return _View(granted, process, processes.tasks(tx, who.tenant, process.process_id, since))
