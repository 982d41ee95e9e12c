"""DATA_STAGING_IN: brings one stored input to the host, verified there, and published by a link that never replaces."""

from services.chassis.errors import NotFound
from services.executor import scripts
from services.executor.channels.api import Stream
from services.executor.domain import places
from services.executor.domain.outcomes import Done, StoredFile
from services.executor.domain.troubles import Condition, Failure
from services.executor.tasks.context import TaskContext


def staging_in(context: TaskContext) -> Done:
    """Send the bytes unless the host has them already: one command either way."""
    spec = context.dispatch.spec.data_staging_in
    target = places.input_path(spec.file_name)
    arguments = [context.place.path, target, spec.sha256, context.suffix]
    with context.channel.open(scripts.remote("stage_in"), arguments, input_bytes=spec.size) as stream:
        word = stream.read_line()
        if word == "need":
            _send(context, stream)
            word = stream.read_line()
        result = stream.finish()
    context.check(result, f"staging the input {spec.input!r} in")
    if word not in {"have", "stored"}:
        raise _refusal(context, word, target)
    return Done(file=StoredFile(spec.input, spec.file_name, spec.sha256, spec.size))


def _send(context: TaskContext, stream: Stream) -> None:
    spec = context.dispatch.spec.data_staging_in
    try:
        for chunk in context.files.read(context.tenant, spec.sha256):
            stream.write(chunk)
    except NotFound as error:
        reason = f"the store holds no file with the digest {spec.sha256} for the input {spec.input!r}"
        raise Failure(Condition.UNKNOWN, reason) from error
    stream.end_input()


def _refusal(context: TaskContext, word: str, target: str) -> Failure:
    name = context.dispatch.spec.data_staging_in.input
    if word == "differs":
        reason = f"the bytes of the input {name!r} arrived on {context.host} with another digest than was recorded"
        return Failure(Condition.DIGEST_MISMATCH, reason, retryable=True)
    if word == "conflict":
        reason = f"{context.place.path}/{target} is there on {context.host} with other content than the input {name!r}"
        return Failure(Condition.DIGEST_MISMATCH, reason)
    reason = f"staging the input {name!r} in on {context.host} was answered with {word[:200]!r}"
    return Failure(Condition.UNKNOWN, reason, retryable=True)
