"""What a status change has to be before it is handed on."""

from services.chassis.bounds import (
    LARGEST_BIG_INTEGER,
    LARGEST_INTEGER,
    check_label,
    check_name,
    check_number,
    check_time,
)
from vahana.event.v1 import event_pb2, task_pb2

LONGEST_ID, LONGEST_TASK_ID, LONGEST_SOURCE, LONGEST_FILE, LONGEST_DIGEST = 100, 200, 63, 63, 64
"""What the history keeps."""


def check_change(change: event_pb2.StatusChanged) -> None:
    """Refuse with ValueError, naming field and fault, what the history could not keep, or not show to anybody."""
    check_name("process_id", change.process_id, LONGEST_ID)
    check_label("task_id", change.task_id, LONGEST_TASK_ID)
    check_name("source", change.source, LONGEST_SOURCE)
    check_number("attempt", change.attempt, 0, LARGEST_INTEGER)
    check_number("seq", change.seq, 1, LARGEST_BIG_INTEGER)
    check_number("condition_code", change.condition_code, 0, LARGEST_INTEGER)
    check_number("phase", change.phase, 0, LARGEST_INTEGER)
    check_time("time", change.time)
    check_time("next_attempt_at", change.next_attempt_at)
    check_time("job.submitted_at", change.job.submitted_at)
    if change.HasField("file"):
        _check_file(change.file)


def _check_file(file: task_pb2.StoredFile) -> None:
    check_name("file.name", file.name, LONGEST_FILE)
    check_label("file.sha256", file.sha256, LONGEST_DIGEST)
    check_number("file.size", file.size, 0, LARGEST_BIG_INTEGER)
    if "\0" in file.file_name:
        raise ValueError("file.file_name holds a NUL")
