"""What tests of intents share: who says them, and a process led up to some task."""

from __future__ import annotations

from typing import Any

from services.chassis.bus.topics import CANCEL, PROCESS
from vahana.event.v1 import event_pb2, state_pb2

S, C, P, I = state_pb2.TaskState, state_pb2.ConditionCode, state_pb2.ProcessState, state_pb2.ProcessIntent  # noqa: E741
EXECUTING, COMPLETED, FAILED, CANCELED = (
    S.TASK_STATE_EXECUTING,
    S.TASK_STATE_COMPLETED,
    S.TASK_STATE_FAILED,
    S.TASK_STATE_CANCELED,
)
TRANSIENT = {"task_state": FAILED, "reason": "host went away", "condition_code": 1, "retryable": True}
ENDED_AS_ASKED = {"task_state": CANCELED, "reason": "canceled by ada", "condition_code": 18}
JOB = {"name": "xproc-1-submit.a1.g1", "job_id": "42", "state": 1, "directory": "jobs/submit.a1"}


class Intents:
    """Says what a person wants, and hears what executors are asked to end."""

    def __init__(self, world: Any) -> None:
        self.world, self.seq = world, 0
        self._wishes = world.bus.consumer("cancelers", [CANCEL])

    def want(self, intent: str, *, seq: int = 0, tenant: str = "default", comment: str = "", process: str = "proc-1"):
        self.seq = seq or self.seq + 1
        wanted = event_pb2.ProcessIntended(
            experiment_id=f"exp-of-{process}",
            process_id=process,
            intent=I.Value(f"PROCESS_INTENT_{intent}"),
            seq=self.seq,
            caller="ada",
            comment=comment,
        )
        envelope = event_pb2.Envelope(
            id=f"intent-{process}-{self.seq}", tenant=tenant, aggregate_id=process, source="experiment"
        )
        envelope.process_intended.CopyFrom(wanted)
        self.world.publish(PROCESS.name, process, envelope)
        self.world.settle()

    def wishes(self) -> list[event_pb2.TaskCanceled]:
        self.world.settle()
        found = []
        while received := self._wishes.poll(0, 500):
            found += [event_pb2.Envelope.FromString(each.value).task_canceled for each in received]
        return found


def under_way(world: Any, plan: Any, until: str) -> Any:
    """Launches and works until `until` is dispatched; returns that order."""
    world.launch("proc-1", plan)
    while True:
        orders = world.orders()
        for order in orders:
            if order.task_id == until:
                return order
        for order in orders:
            world.say(order, task_state=EXECUTING)
            job = {"job": JOB} if order.task_id == "submit" else {}
            world.say(order, task_state=COMPLETED, **job)


def ends(world: Any) -> dict[str, str]:
    return world.task_states()
