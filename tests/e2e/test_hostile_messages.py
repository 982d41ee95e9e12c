"""What no service sends comes by every topic of a mesh that runs: it is set aside, and experiments go on."""

from __future__ import annotations

from pathlib import Path

from services.chassis.bus.api import Message
from services.chassis.bus.kafka import KafkaBus
from services.chassis.bus.topics import ALL, CANCEL, PROCESS
from tests.contract.hostile.messages import elsewhere, everywhere
from tests.e2e.conftest import RunningMesh, wait_until
from tests.e2e.history import check_complete
from tests.e2e.probe import Probe, prepare
from vahana.event.v1 import event_pb2, state_pb2

EXAMPLE = Path(__file__).parents[2] / "examples/bowtie2"
LARGEST = 900_000
"""Bytes: what is larger the broker refuses by itself."""


def test_an_experiment_completes_all_the_same(bowtie2: RunningMesh) -> None:
    known = event_pb2.Envelope(id="msg-1", tenant="default", aggregate_id="proc-nobody", source="somebody")
    known.history_wanted.process_id = "proc-nobody"
    messages = [
        Message(topic.name, each.key or "proc-nobody", each.value, each.headers)
        for topic in ALL
        for each in (*everywhere(known), *elsewhere(known, "parked"))
        if len(each.value) + sum(len(value) for _, value in each.headers) < LARGEST
    ]
    producer = KafkaBus(bowtie2.address("kafka")).producer()
    producer.publish(messages)
    producer.close()
    shown = bowtie2.ok("experiment", "run", EXAMPLE / "experiment.yaml")
    assert shown.splitlines()[-1].endswith("COMPLETED")

    def parked() -> set[str]:
        return {each["topic"] for each in bowtie2.data("parked", "list") if each["key"] == "proc-nobody"}

    wait_until(lambda: parked() == {topic.name for topic in ALL}, 60, "messages of every topic to be parked")
    # A status that is none is of no use to the sink, which says so.
    assert "is no status change" in bowtie2.log("eventsink")


def test_an_experiment_whose_messages_are_parked_waits_and_says_why_until_an_operator_has_seen_to_them(
    mesh: RunningMesh, tmp_path: Path
) -> None:
    prepare(mesh, tmp_path)
    with mesh.connect() as connection:
        probe = Probe(connection, tmp_path).create(seconds=3).launch()
        probe.wait_task("monitor", state_pb2.TASK_STATE_EXECUTING)
        mesh.ok("experiment", "pause", probe.id)
        process_id = probe.get().process.process_id

        def parked() -> dict[str, str]:
            """By service."""
            found = [each["parked_id"] for each in mesh.data("parked", "list", "--key", process_id)]
            return {name.split("/")[0]: name for name in found}

        def wait_told(words: str) -> None:
            probe.wait(lambda answer: words in answer.process.reason)

        bad = event_pb2.Envelope(id="msg-1", tenant="default", aggregate_id=process_id, source="somebody")
        producer = KafkaBus(mesh.address("kafka")).producer()
        producer.publish([Message(CANCEL.name, process_id, bad.SerializeToString())])
        wait_told("executor could not handle vahana.task.cancel")
        producer.publish([Message(PROCESS.name, process_id, bad.SerializeToString())])
        producer.close()
        wait_until(lambda: parked().keys() == {"executor", "scheduler"}, 60, "both to park what they were sent")
        mesh.ok("experiment", "resume", probe.id)
        code = state_pb2.CONDITION_CODE_MESSAGE_PARKED
        paused = probe.wait(lambda answer: answer.process.condition_code == code).process
        assert paused.state == state_pb2.PROCESS_STATE_PAUSED
        # The job under way ends; what comes after it does not begin.
        probe.wait_task("monitor", state_pb2.TASK_STATE_COMPLETED)
        assert "a message about it is parked" in " ".join(mesh.ok("experiment", "explain", probe.id).split())
        mesh.ok("parked", "discard", parked()["executor"])
        wait_told("scheduler could not handle vahana.process")
        assert probe.get().process.state == state_pb2.PROCESS_STATE_PAUSED
        mesh.ok("parked", "discard", parked()["scheduler"])
        ended = probe.wait_end()
        assert ended.experiment.state == state_pb2.EXPERIMENT_STATE_COMPLETED, ended.experiment.reason
        check_complete(ended, probe.history())
