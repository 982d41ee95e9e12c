"""What operators see of the copies a service keeps, and do about them: its CopyService."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from services.chassis import clock, copies
from services.chassis.errors import FieldViolation, InvalidFields
from services.chassis.rpc.auth import OPERATOR, require_role

Listed = TypeVar("Listed", bound=Message)
Rebuilt = TypeVar("Rebuilt", bound=Message)


class OperatedCopies(Generic[Listed, Rebuilt]):
    """The use cases of a service's CopyService, for operators alone."""

    def __init__(
        self,
        kept: copies.Copies,
        *,
        state: Callable[..., Message],
        listed: Callable[..., Listed],
        rebuilt: Callable[..., Rebuilt],
    ) -> None:
        """`kept` are the service's copies; the others are its CopyState and its two responses."""
        self._kept = kept
        self._state_message, self._listed, self._rebuilt = state, listed, rebuilt

    def list(self, _request: Message) -> Listed:
        """How far each owner's entities are copied."""
        require_role(OPERATOR)
        return self._listed(copies=[self._state(self._kept.state(owner)) for owner in self._kept.owners])

    def rebuild(self, request: Any) -> Rebuilt:
        """Reads an owner's entities again; no transaction is open meanwhile."""
        require_role(OPERATOR)
        if request.owner not in self._kept.owners:
            told = " and ".join(self._kept.owners)
            raise InvalidFields(
                [FieldViolation("owner", f"no copies of {request.owner!r} are kept here, but of {told}")]
            )
        return self._rebuilt(copy=self._state(self._kept.rebuild(request.owner)))

    def _state(self, state: copies.CopyState) -> Message:
        return self._state_message(
            owner=state.owner,
            entity_count=state.count,
            version=state.version,
            snapshot_time=None if state.snapshot_us is None else clock.to_timestamp(state.snapshot_us),
        )
