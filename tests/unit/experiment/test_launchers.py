"""The words that start a program spread over nodes."""

import pytest

from services.experiment.domain.facts import Deployment, JobResources, Parallelism
from services.experiment.domain.launchers import launcher_words
from services.experiment.domain.placeholders import PlaceholderError, UnknownAmount

WANTED = JobResources("long", "abc-12", 2, 64, 4000, 90.5, 1)


def mpi(*words):
    return Deployment("cluster", "relax", parallelism=Parallelism.MPI, launcher=words)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("{resources.batch_queue}", "long"),
        ("--account={resources.allocation}", "--account=abc-12"),
        ("{resources.node_count}x{resources.cpu_count}", "2x64"),
        ("{resources.memory_mib}M", "4000M"),
        ("{resources.wall_time}", "91"),
        ("{resources.gpu_count}", "1"),
        ("{{literal}}", "{literal}"),
        ("two words; $(id)", "two words; $(id)"),
    ],
)
def test_each_placeholder(word, text):
    assert launcher_words(mpi("srun", word), WANTED) == ("srun", text)


def test_whoever_names_no_size_gets_one_core_and_what_must_be_known_is_asked_for():
    small = mpi("-N", "{resources.node_count}", "-n", "{resources.cpu_count}", "-g", "{resources.gpu_count}")
    assert launcher_words(small, JobResources()) == ("-N", "1", "-n", "1", "-g", "0")
    for name in ("memory_mib", "wall_time"):
        with pytest.raises(UnknownAmount) as caught:
            launcher_words(mpi(f"{{resources.{name}}}"), JobResources())
        assert caught.value.field == name


@pytest.mark.parametrize("word", ["{", "}", "{resources.cpus}", "{inputs.reads}", "{resources.}"])
def test_braces_that_are_no_placeholder(word):
    with pytest.raises(PlaceholderError):
        launcher_words(mpi(word), WANTED)


@pytest.mark.parametrize("parallelism", [each for each in Parallelism if each is not Parallelism.MPI])
def test_only_what_passes_messages_is_launched(parallelism):
    deployment = Deployment("cluster", "relax", parallelism=parallelism, launcher=("srun", "{"))
    assert launcher_words(deployment, WANTED) == ()
