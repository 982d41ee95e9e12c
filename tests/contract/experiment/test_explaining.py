"""Why an experiment is where it is: told in words in every state, whoever of the mesh answers."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import sqlalchemy as sa

from services.chassis.errors import NotFound
from services.chassis.rpc.errors import code_of, to_trailer
from vahana.event.v1.explanation_pb2 import Explanation
from vahana.executor.v1 import explanation_pb2 as executor_pb2
from vahana.executor.v1 import explanation_pb2_grpc as executor_pb2_grpc
from vahana.experiment.v1 import experiment_pb2 as pb
from vahana.scheduler.v1 import explanation_pb2 as scheduler_pb2
from vahana.scheduler.v1 import explanation_pb2_grpc as scheduler_pb2_grpc


class PlayedMesh(scheduler_pb2_grpc.ExplanationServiceServicer, executor_pb2_grpc.ExplanationServiceServicer):
    """Scheduler and executor, played: they say what a test has them say; the scheduler may not know the process."""

    def __init__(self):
        self.run, self.claims, self.asked = None, [], []
        self._server = grpc.server(ThreadPoolExecutor(4))
        scheduler_pb2_grpc.add_ExplanationServiceServicer_to_server(self, self._server)
        executor_pb2_grpc.add_ExplanationServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def ExplainRun(self, request, context):
        self.asked.append((dict(context.invocation_metadata())["x-vahana-tenant"], request.process_id))
        if self.run is None:
            refusal = NotFound("run", request.process_id)
            context.set_trailing_metadata((to_trailer(refusal),))
            context.abort(code_of(refusal), refusal.message)
        return scheduler_pb2.ExplainRunResponse(explanations=self.run)

    def ExplainClaims(self, request, context):
        return executor_pb2.ExplainClaimsResponse(explanations=self.claims)

    def stop(self):
        self._server.stop(0).wait()


@pytest.fixture
def mesh(monkeypatch):
    """To be asked for before the service."""
    played = PlayedMesh()
    monkeypatch.setenv("VAHANA_SCHEDULER_ADDRESS", played.address)
    monkeypatch.setenv("VAHANA_EXECUTOR_ADDRESS", played.address)
    yield played
    played.stop()


def explain(service, experiment_id, who="user"):
    return service.experiments(who).ExplainExperiment(pb.ExplainExperimentRequest(experiment_id=experiment_id))


def leave(service):
    """Have all messages be sent, as far as is marked."""
    outbox = service.served.chassis.db.metadata.tables["outbox"]
    with service.served.chassis.db.write() as tx:
        tx.execute(sa.update(outbox).values(sent_us=1))


def test_what_was_never_launched_waits_for_a_person(mesh, service):
    (found,) = explain(service, service.create().experiment_id).explanations
    assert "never launched" in found.waits_for
    assert found.HasField("since")
    assert mesh.asked == []


def test_a_launch_that_has_not_left_waits_for_kafka(mesh, service):
    (found,) = explain(service, service.launched().experiment_id).explanations
    assert "Kafka" in found.waits_for


def test_a_launch_the_scheduler_has_not_taken_up(mesh, service):
    made = service.launched()
    leave(service)
    (found,) = explain(service, made.experiment_id).explanations
    assert "has not taken it up" in found.waits_for
    assert mesh.asked == [("default", made.process_id)]


def test_a_scheduler_that_does_not_answer_is_told_with_what_is_known(service):
    made = service.launched()
    leave(service)
    answer = explain(service, made.experiment_id)
    (found,) = answer.explanations
    assert "does not answer" in found.waits_for
    assert "known last: CREATED" in found.waits_for
    assert answer.process_id == made.process_id


def test_who_works_on_a_task_knows_better_than_who_gave_the_order(mesh, service):
    made = service.launched()
    mesh.run = [
        Explanation(task_id="stage-in-reads", waits_for="an executor works on attempt 1", next="it ends"),
        Explanation(task_id="stage-in-reference", waits_for="attempt 1 was dispatched", next="sent again"),
        Explanation(waits_for="4 tasks wait for those before", next="each begins"),
    ]
    mesh.claims = [Explanation(task_id="stage-in-reads", waits_for="h:22 does not answer", next="tried again")]
    told = [(each.task_id, each.waits_for) for each in explain(service, made.experiment_id).explanations]
    assert told == [
        ("stage-in-reads", "h:22 does not answer"),
        ("stage-in-reference", "attempt 1 was dispatched"),
        ("", "4 tasks wait for those before"),
    ]


def test_of_what_has_ended_nothing_is_told(mesh, service, launched, reports):
    service.persist(reports.process("QUEUED", 1), reports.process("EXECUTING", 2), reports.process("COMPLETED", 3))
    answer = explain(service, launched.experiment_id)
    assert list(answer.explanations) == []
    assert mesh.asked == []
