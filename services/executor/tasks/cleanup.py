"""CLEANUP: removes the process's directory."""

from services.executor.domain.outcomes import Done, Outcome, Postponed
from services.executor.tasks.context import TaskContext

_SECONDS = 600.0
_AGAIN_SECONDS = 1.0


def cleanup(context: TaskContext) -> Outcome:
    """Rename it to the trash and empty that, once nobody works in it any more."""
    if context.others_live():
        return Postponed(_AGAIN_SECONDS, "other tasks of the process have not ended here")
    place = context.place
    arguments = [place.scratch, place.experiment, place.process, context.suffix]
    context.run("cleanup", arguments, doing=f"removing {place.path}", seconds=_SECONDS)
    return Done()
