"""Classing of errors, judging of jobs, and places."""

import pytest

from services.executor.domain import places
from services.executor.domain.claims import ClaimState
from services.executor.domain.jobs import Job, JobState, Seen, Sighting, judge, tail
from services.executor.domain.troubles import Condition, Failure, Waiting, of_command
from vahana.event.v1 import state_pb2
from vahana.executor.v1 import executor_pb2

JOB = Job("x1", "jobs/submit.a1", "42")


@pytest.mark.parametrize(
    ("code", "said", "condition", "kind"),
    [
        (1, "cat: write error: No space left on device", Condition.DISK_FULL, Waiting),
        (1, "mkdir: cannot create directory: Disk quota exceeded", Condition.QUOTA_EXCEEDED, Waiting),
        (1, "mkdir: cannot create directory '/x': Permission denied", Condition.ACCESS_DENIED, Failure),
        (1, "touch: Read-only file system", Condition.ACCESS_DENIED, Failure),
        (127, "sh: 1: sha256sum: not found", Condition.EXECUTABLE_NOT_FOUND, Failure),
        (127, "", Condition.EXECUTABLE_NOT_FOUND, Failure),
        (1, "something else", Condition.UNKNOWN, Failure),
        (2, "", Condition.UNKNOWN, Failure),
    ],
)
def test_what_a_failed_script_means(code: int, said: str, condition: Condition, kind: type) -> None:
    trouble = of_command("staging in on host", code, said)
    assert type(trouble) is kind
    assert trouble.condition is condition
    assert trouble.reason.startswith("staging in on host: ")
    assert getattr(trouble, "retryable", None) in {None, condition is Condition.UNKNOWN}


def verdict(**seen: object) -> Job | None:
    given = {"seen": Seen.ENDED, "directory": JOB.directory, "exit_code": 0, **seen}
    return judge(JOB, Sighting(**given), what="the job", host="h:22")


def test_jobs_that_run_or_ended_well() -> None:
    assert verdict(seen=Seen.RUNNING) is None
    job = verdict()
    assert (job.state, job.exit_code, job.job_id) == (JobState.COMPLETE, 0, "42")


@pytest.mark.parametrize(
    ("seen", "condition", "state", "words"),
    [
        ({"exit_code": 3, "stderr_tail": "a\nb\n"}, Condition.NONZERO_EXIT, JobState.FAILED, "exit code 3 on h:22"),
        ({"exit_code": 137}, Condition.KILLED_BY_SIGNAL, JobState.FAILED, "signal 9 (SIGKILL)"),
        ({"exit_code": 255}, Condition.NONZERO_EXIT, JobState.FAILED, "exit code 255"),
        ({"exit_code": 127, "missing_program": True}, Condition.EXECUTABLE_NOT_FOUND, JobState.FAILED, "not found"),
        ({"seen": Seen.LOST}, Condition.JOB_LOST, JobState.LOST, "vanished"),
    ],
)
def test_jobs_that_ended_badly(seen: dict, condition: Condition, state: JobState, words: str) -> None:
    with pytest.raises(Failure) as failure:
        verdict(**seen)
    assert failure.value.condition is condition
    assert not failure.value.retryable
    assert failure.value.job.state is state
    assert words in failure.value.reason
    if said := seen.get("stderr_tail"):
        assert failure.value.reason.endswith(said.strip())
        assert failure.value.facts["stderr_tail"] == said.strip()


def test_a_job_whose_files_are_not_there_is_never_taken_as_ended() -> None:
    with pytest.raises(Waiting):
        verdict(seen=Seen.ABSENT)


def test_tails_are_bounded() -> None:
    assert tail("\n".join(map(str, range(100)))).splitlines() == [str(each) for each in range(80, 100)]
    assert len(tail("ü" * 5000).encode()) <= 2048 + 6
    assert tail("") == ""


def test_places() -> None:
    place = places.process_place("/scratch/it's here/", "exp-1", "proc-1")
    assert place.path == "/scratch/it's here/exp-1/proc-1"
    assert places.job_name("proc-1", "submit", 2) == "xproc-1-submit.a2.g1"
    assert places.known_job_directory("jobs/submit.a2") == "jobs/submit.a2"
    for directory in ("work/x", "jobs/..", "jobs/a/b", "jobs", ""):
        with pytest.raises(Failure):
            places.known_job_directory(directory)


def test_names_and_numbers_are_those_of_the_contracts() -> None:
    assert {f"CONDITION_CODE_{each}" for each in Condition} == set(state_pb2.ConditionCode.keys())
    assert {f"JOB_STATE_{each}" for each in JobState} <= set(state_pb2.JobState.keys())
    numbers = {f"CLAIM_STATE_{each.name}": each.value for each in ClaimState}
    assert numbers.items() <= dict(executor_pb2.ClaimState.items()).items()
