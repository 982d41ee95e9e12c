"""ENV_SETUP: the process's directories."""

from services.executor.domain.outcomes import Done
from services.executor.tasks.context import TaskContext


def env_setup(context: TaskContext) -> Done:
    """Make them; what is there already stays."""
    place = context.place
    context.run("env_setup", [place.scratch, place.experiment, place.process], doing=f"setting up {place.path}")
    return Done(facts={"directory": place.path})
