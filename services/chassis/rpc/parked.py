"""What operators see of the messages a service has set aside, and do about them: its ParkedService."""

from __future__ import annotations

from typing import Any, Protocol

from google.protobuf.message import DecodeError, Message

from services.chassis.clock import to_timestamp
from services.chassis.errors import InvalidFields, NotFound
from services.chassis.paging import decode_token, encode_token, foreign_token, is_number, page_limit
from services.chassis.parked import Place
from services.chassis.rpc.auth import OPERATOR, require_role
from services.chassis.unparking import Unparking
from vahana.event.v1 import event_pb2
from vahana.event.v1.parked_pb2 import ParkedMessage


class Responses(Protocol):
    """The answers of a ParkedService: a service's own parked_pb2."""

    @property
    def ListParkedMessagesResponse(self) -> type[Message]: ...

    @property
    def UnparkMessageResponse(self) -> type[Message]: ...

    @property
    def DiscardMessageResponse(self) -> type[Message]: ...


class ParkedService:
    """Serves the ParkedService of whichever service it is, to operators alone."""

    def __init__(self, unparking: Unparking, responses: Responses) -> None:
        self._unparking, self._responses = unparking, responses

    def ListParkedMessages(self, request: Any, context: object) -> Message:
        """See the proto."""
        require_role(OPERATOR)
        limit, after = page_limit(request.page_size), None
        if request.page_token:
            after = _place(request.page_token)
            if after is None:
                raise foreign_token()
        rows = self._unparking.page(after, limit + 1, request.key)
        messages = [_message(row) for row in rows[:limit]]
        token = messages[-1].parked_id if len(rows) > limit else ""
        return self._responses.ListParkedMessagesResponse(messages=messages, next_page_token=token)

    def UnparkMessage(self, request: Any, context: object) -> Message:
        """See the proto."""
        require_role(OPERATOR)
        self._unparking.unpark(_named(request.parked_id))
        return self._responses.UnparkMessageResponse()

    def DiscardMessage(self, request: Any, context: object) -> Message:
        """See the proto."""
        require_role(OPERATOR)
        self._unparking.discard(_named(request.parked_id))
        return self._responses.DiscardMessageResponse()


def _message(row: Any) -> ParkedMessage:
    return ParkedMessage(
        parked_id=encode_token(row.topic, row.partition, row.offset, row.consumer),
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        consumer=row.consumer,
        key=row.key,
        reason=row.reason,
        park_time=to_timestamp(row.parked_us),
        size=row.size,
        message_id=_id(row.head or b""),
    )


def _id(head: bytes) -> str:
    """The id of an envelope, which it begins with; empty where it does not, or where that is longer than ids are."""
    if len(head) < 2:
        return ""
    try:
        return event_pb2.Envelope.FromString(head[: 2 + head[1]]).id
    except DecodeError:
        return ""


def _place(text: str) -> Place | None:
    match decode_token(text):
        case (topic, partition, offset, consumer) if is_number(partition, 9) and is_number(offset):
            return Place(topic, int(partition), int(offset), consumer)
    return None


def _named(parked_id: str) -> Place:
    try:
        place = _place(parked_id)
    except InvalidFields:
        place = None
    if place is None:
        raise NotFound("parked message", parked_id)
    return place
