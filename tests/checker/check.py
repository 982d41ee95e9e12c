"""The checker: pure rules that hold for every process once all is quiet, whatever was killed, lost or sent twice.

    assert violations([Record(process_id, plan, history, Standing(state, tasks), runs=runs), ...]) == []

It reads what the experiment service recorded and what ran on hosts, and knows nothing of how the mesh works inside.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from tests.checker import histories, outcomes
from tests.checker.record import Record

RULES: Sequence[Callable[[Record], Iterator[str]]] = (
    outcomes.ended,
    outcomes.same_view,
    outcomes.decisions,
    outcomes.process_end,
    outcomes.payloads,
    outcomes.worked_on,
    histories.positions,
    histories.sequences,
    histories.ends_told,
    histories.settled,
    histories.terminal_states,
    histories.attempts,
)


def violations(records: Iterable[Record]) -> list[str]:
    """Return what is wrong with these processes, a sentence each; nothing where all is well."""
    return [f"{record.process_id}: {fault}" for record in records for rule in RULES for fault in rule(record)]
