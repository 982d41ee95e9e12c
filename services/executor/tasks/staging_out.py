"""DATA_STAGING_OUT: brings one output into the mesh's store, with the digest the host computed."""

from collections.abc import Iterator

from services.chassis.errors import DigestMismatch, LimitExceeded
from services.executor import scripts
from services.executor.channels.api import Stream
from services.executor.domain import places
from services.executor.domain.outcomes import Done, StoredFile
from services.executor.domain.troubles import Condition, Failure
from services.executor.tasks.context import TaskContext
from vahana.event.v1 import task_pb2

_CHUNK = 256 * 1024
_REFUSED = {
    "outside": "leads out of the process's directory",
    "special": "is no regular file",
}


def staging_out(context: TaskContext) -> Done:
    """Stream the file, if it is there and may be taken. An absent output that is not required is a fact, no failure."""
    spec = context.dispatch.spec.data_staging_out
    path = _path(context)
    if path is None:
        return _missing(context, "no job was handed over")
    doing = f"staging the output {spec.output!r} out"
    arguments = [context.place.path, path]
    with context.channel.open(scripts.remote("stage_out"), arguments, input_bytes=0) as stream:
        word, *rest = stream.read_line().split(" ")
        if word != "file":
            context.check(stream.finish(), doing)
            return _without(context, word, path)
        size, sha256 = int(rest[0]), rest[1]
        _store(context, _bytes(stream, size), sha256, size)
        context.check(stream.finish(), doing)
    return Done(file=StoredFile(spec.output, spec.file_name, sha256, size))


def _path(context: TaskContext) -> str | None:
    """The output relative to the process's directory; None for the output of a job that never was."""
    spec = context.dispatch.spec.data_staging_out
    if spec.source == task_pb2.OUTPUT_SOURCE_FILE:
        return places.output_path(spec.path)
    if spec.job_task_id not in context.dispatch.jobs:
        return None
    directory = places.known_job_directory(context.dispatch.jobs[spec.job_task_id].directory)
    return f"{directory}/{'stdout' if spec.source == task_pb2.OUTPUT_SOURCE_STDOUT else 'stderr'}"


def _bytes(stream: Stream, size: int) -> Iterator[bytes]:
    """The file's bytes; a file that grows meanwhile is taken as long as it was."""
    left = size
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            stream.finish()  # tells a connection that broke from a file that has shrunk
            return
        left -= len(chunk)
        yield chunk


def _store(context: TaskContext, chunks: Iterator[bytes], sha256: str, size: int) -> None:
    name = context.dispatch.spec.data_staging_out.output
    try:
        context.files.write(context.tenant, chunks, sha256, size)
    except DigestMismatch as error:
        reason = f"the output {name!r} changed on {context.host} while it was read, or was garbled: {error.message}"
        raise Failure(Condition.DIGEST_MISMATCH, reason, retryable=True) from error
    except LimitExceeded as error:
        reason = f"the output {name!r} of {size} bytes is too large: {error.message}"
        raise Failure(Condition.SIZE_LIMIT, reason) from error


def _without(context: TaskContext, word: str, path: str) -> Done:
    name = context.dispatch.spec.data_staging_out.output
    if word == "missing":
        return _missing(context, f"{context.place.path}/{path} is not there on {context.host}")
    if word in _REFUSED:
        raise Failure(Condition.ACCESS_DENIED, f"the output {name!r} at {path} on {context.host} {_REFUSED[word]}")
    reason = f"staging the output {name!r} out on {context.host} was answered with {word[:200]!r}"
    raise Failure(Condition.UNKNOWN, reason, retryable=True)


def _missing(context: TaskContext, why: str) -> Done:
    spec = context.dispatch.spec.data_staging_out
    if spec.required:
        raise Failure(Condition.OUTPUT_MISSING, f"the required output {spec.output!r} was not made: {why}")
    return Done(facts={"missing": why})
