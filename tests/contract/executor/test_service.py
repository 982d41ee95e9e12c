"""The service's edges: gRPC in, Kafka in, and its schema."""

import grpc
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.chassis.bus.api import Received
from services.chassis.consume import Delivery
from services.chassis.db import Database
from services.chassis.migrate import downgrade, upgrade
from services.chassis.paging import encode_token
from services.chassis.run import Chassis
from services.executor import __main__ as main
from services.executor import host_storage
from services.executor.domain.breaker import Breaker, closed, opened
from services.executor.handlers import Handlers
from services.executor.host_listing import HostListing
from services.executor.resources import Resources
from services.executor.schema import claim as claim_table
from services.executor.schema import metadata
from services.executor.settings import ExecutorSettings
from services.executor.throttle import Throttle
from services.executor.transport import HOST_SERVICE, SERVICE, ExecutorTransport, HostTransport
from tests.contract.executor.support import Executor, NoChannels, dispatch
from vahana.event.v1 import event_pb2, state_pb2
from vahana.executor.v1 import executor_pb2, executor_pb2_grpc, host_pb2, host_pb2_grpc


def test_migrations_make_the_schema(database_url: str) -> None:
    upgrade(database_url, "services.executor")
    database = Database(database_url, metadata)
    with database.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    database.close()
    downgrade(database_url, "services.executor")


def test_claims_come_through_the_migration_and_back(database_url: str) -> None:
    upgrade(database_url, "services.executor")
    database = Database(database_url, metadata)
    executor = Executor(database, "executor-one")
    executor.accept(dispatch(), dispatch("m", type=state_pb2.TASK_TYPE_MONITORING))
    executor.cancel(dispatch("n", type=state_pb2.TASK_TYPE_MONITORING))
    before = executor.claim()
    downgrade(database_url, "services.executor", "0001")
    upgrade(database_url, "services.executor")
    assert executor.claim() == before
    with database.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
        rows = tx.execute(sa.select(claim_table.c.task_id, claim_table.c.cancel, claim_table.c.cancel_reason))
        assert sorted(map(tuple, rows)) == [("env-setup", False, ""), ("m", False, "")]
    database.close()


@pytest.fixture
def served(serve):
    """The executor's API alone."""

    def wire():
        chassis = Chassis.start(ExecutorSettings(), metadata, "services.executor")
        executor = Executor(chassis.db, "executor-one")
        handlers: Handlers = executor.handlers
        resources = Resources(NoChannels(), NoChannels(), {}, Throttle())
        register = executor_pb2_grpc.add_ExecutorServiceServicer_to_server
        chassis.rpc.add(register, ExecutorTransport(handlers, resources), SERVICE)
        hosts = HostTransport(HostListing(chassis.db))
        chassis.rpc.add(host_pb2_grpc.add_HostServiceServicer_to_server, hosts, HOST_SERVICE)
        chassis.executor = executor
        return chassis

    return serve(wire)


def test_operators_page_through_their_tenants_claims(served) -> None:
    executor: Executor = served.chassis.executor
    executor.accept(*(dispatch(f"task-{number}") for number in range(5)))
    foreign = event_pb2.Envelope(tenant="other", task_dispatched=dispatch("foreign"))
    executor.handlers.accept([foreign])
    stub = served.stub(executor_pb2_grpc.ExecutorServiceStub, "admin")
    seen, token = [], ""
    for _ in range(3):
        page = stub.ListClaims(executor_pb2.ListClaimsRequest(page_size=2, page_token=token))
        seen += [claim.task_id for claim in page.claims]
        token = page.next_page_token
    assert sorted(seen) == [f"task-{number}" for number in range(5)]
    assert token == ""
    other = served.stub(executor_pb2_grpc.ExecutorServiceStub, "other").ListClaims(executor_pb2.ListClaimsRequest())
    assert [claim.task_id for claim in other.claims] == ["foreign"]


def test_operators_page_through_the_hosts_that_were_in_trouble(served, refused) -> None:
    with served.chassis.db.write() as tx:
        for name in ("b:22", "a:22", "c:22"):
            host_storage.put(tx, Breaker(name), opened(Breaker(name), 1_000_000, "mute"))
        found = host_storage.find(tx, "c:22")
        host_storage.put(tx, found, closed(found, 2_000_000))
    stub = served.stub(host_pb2_grpc.HostServiceStub, "admin")
    first = stub.ListHosts(host_pb2.ListHostsRequest(page_size=2))
    rest = stub.ListHosts(host_pb2.ListHostsRequest(page_size=2, page_token=first.next_page_token))
    assert [each.host for each in (*first.hosts, *rest.hosts)] == ["a:22", "b:22", "c:22"]
    assert rest.next_page_token == ""
    gone, well = first.hosts[0], rest.hosts[0]
    assert (gone.health, gone.reason, gone.since.seconds) == (state_pb2.HOST_HEALTH_UNREACHABLE, "mute", 1)
    assert (gone.next_probe_at.seconds, gone.condition_code) == (3, state_pb2.CONDITION_CODE_HOST_UNREACHABLE)
    assert (well.health, well.reason, well.HasField("next_probe_at")) == (state_pb2.HOST_HEALTH_HEALTHY, "", False)
    other = served.stub(host_pb2_grpc.HostServiceStub, "other")
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        other.ListHosts(host_pb2.ListHostsRequest())


def test_a_claim_shows_who_holds_it(served) -> None:
    executor: Executor = served.chassis.executor
    executor.accept(dispatch())
    executor.take()
    stub = served.stub(executor_pb2_grpc.ExecutorServiceStub, "admin")
    (claim,) = stub.ListClaims(executor_pb2.ListClaimsRequest()).claims
    assert (claim.state, claim.epoch, claim.holder) == (executor_pb2.CLAIM_STATE_CLAIMED, 1, "executor-one")
    assert claim.HasField("lease_expire_time")
    assert claim.compute_resource == "local"


def test_bad_requests_are_refused(served, refused) -> None:
    stub = served.stub(executor_pb2_grpc.ExecutorServiceStub, "admin")
    for request, field in (
        (executor_pb2.ListClaimsRequest(page_token="rubbish"), "page_token"),
        (executor_pb2.ListClaimsRequest(page_token="WyJhIl0"), "page_token"),
        (executor_pb2.ListClaimsRequest(page_token=encode_token("9" * 19, "p", "t", 1)), "page_token"),
        (executor_pb2.ListClaimsRequest(page_token=encode_token(1, "p", "t", "9" * 10)), "page_token"),
        (executor_pb2.ListClaimsRequest(page_size=5000), "page_size"),
    ):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
            stub.ListClaims(request)
        assert field in told.fields
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        served.stub(executor_pb2_grpc.ExecutorServiceStub).ListClaims(executor_pb2.ListClaimsRequest())
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        served.stub(executor_pb2_grpc.ExecutorServiceStub, "user").ListClaims(executor_pb2.ListClaimsRequest())


@pytest.mark.parametrize(
    "envelope",
    [
        event_pb2.Envelope(tenant="default"),
        event_pb2.Envelope(tenant="default", process_launched=event_pb2.ProcessLaunched(process_id="p")),
        event_pb2.Envelope(tenant="default", task_dispatched=dispatch(process_id="")),
        event_pb2.Envelope(task_dispatched=dispatch()),
        event_pb2.Envelope(tenant="default/h:22", task_dispatched=dispatch()),
    ],
)
def test_what_is_no_dispatch_is_not_accepted(executor: Executor, envelope: event_pb2.Envelope) -> None:
    deliveries = [Delivery(envelope, Received("vahana.task.env-setup", "p", b""))]
    with pytest.raises(ValueError, match="not a dispatch"):
        executor.consumers.dispatched(deliveries)


def test_the_service_is_wired(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAHANA_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    served = serve(main.wire)
    stub = served.stub(executor_pb2_grpc.ExecutorServiceStub, "admin")
    assert not stub.ListClaims(executor_pb2.ListClaimsRequest()).claims
