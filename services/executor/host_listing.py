"""Use case: showing operators the hosts that are, or were, in trouble."""

from services.chassis import clock
from services.chassis.db import Database
from services.chassis.paging import encode_token, names_of, page_limit
from services.executor import host_storage, wire
from services.executor.domain.breaker import Breaker
from vahana.event.v1 import state_pb2
from vahana.executor.v1 import host_pb2


class HostListing:
    """Lists hosts."""

    def __init__(self, db: Database) -> None:
        """Read from `db`."""
        self._db = db

    def page(self, request: host_pb2.ListHostsRequest) -> host_pb2.ListHostsResponse:
        """A page of them, by name."""
        limit, (after,) = page_limit(request.page_size), names_of(request.page_token, 1)
        with self._db.read() as tx:
            found = host_storage.page(tx, after, limit + 1)
        page = found[:limit]
        token = encode_token(page[-1].host) if len(found) > limit else ""
        return host_pb2.ListHostsResponse(hosts=map(_message, page), next_page_token=token)


def _message(breaker: Breaker) -> host_pb2.Host:
    return host_pb2.Host(
        host=breaker.host,
        health=state_pb2.HostHealth.ValueType(breaker.health),
        reason=breaker.reason,
        condition_code=wire.condition_code(breaker.condition),
        since=clock.to_timestamp(breaker.since_us),
        next_probe_at=clock.to_timestamp(breaker.next_probe_us) if breaker.barred else None,
        failed_probes=breaker.probes,
    )
