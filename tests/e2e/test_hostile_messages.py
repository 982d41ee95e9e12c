"""What no service sends comes by every topic of a mesh that runs: it is set aside, and experiments go on."""

from __future__ import annotations

from pathlib import Path

from services.chassis.bus.api import Message
from services.chassis.bus.kafka import KafkaBus
from services.chassis.bus.topics import ALL
from tests.contract.hostile.messages import elsewhere, everywhere
from tests.e2e.conftest import RunningMesh, wait_until
from vahana.event.v1 import event_pb2

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
