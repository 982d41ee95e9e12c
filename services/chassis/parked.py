"""Parked messages: set aside with their bytes and a reason, so that one bad message never stops a consumer."""

import sqlalchemy as sa

from services.chassis import clock
from services.chassis.bus.api import Received
from services.chassis.db import Tx, insert_ignore

LONGEST_KEY = 200
"""As much of a key as is kept: foreign producers give keys of any length."""
LONGEST_REASON = 2_000
"""As much of a reason as is kept: an error may quote the message it is about."""


class Parked:
    """The table `parked` of a service's metadata."""

    def __init__(self, metadata: sa.MetaData) -> None:
        """Take the table that add_platform_tables put into the metadata."""
        self._table = metadata.tables["parked"]

    def add(self, tx: Tx, consumer: str, received: Received, reason: str) -> None:
        """Set a message aside; a second time changes nothing."""
        row = {
            "topic": received.topic,
            "partition": received.partition,
            "offset": received.offset,
            "consumer": consumer,
            "key": _storable(received.key)[:LONGEST_KEY],
            "value": received.value,
            "reason": _storable(reason)[:LONGEST_REASON],
            "parked_us": clock.now_us(),
        }
        insert_ignore(tx, self._table, [row])


def _storable(text: str) -> str:
    """Return the text without what databases refuse: setting a message aside must not fail for what is in it."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
