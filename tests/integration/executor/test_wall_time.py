"""Jobs with a wall time on a real SSH server: they end at its end, with or without an executor."""

import pytest
from google.protobuf.duration_pb2 import Duration

from services.executor.batch.api import WatchedJob
from services.executor.batch.fork import ForkJobs
from services.executor.domain.jobs import Seen
from services.executor.tasks.submission import job_submission
from tests.integration.executor.support import Bench, session, until
from tests.integration.executor.whole import COMPLETED, FAILED, Whole
from vahana.event.v1 import state_pb2, task_pb2


def limited(milliseconds: int, script: str) -> task_pb2.JobSubmission:
    wall_time = Duration()
    wall_time.FromMilliseconds(milliseconds)
    command = task_pb2.Command(arguments=["sh", "-c", script])
    resources = task_pb2.JobResources(wall_time=wall_time, node_count=2, cpu_count=64, memory_mib=1, gpu_count=1)
    return task_pb2.JobSubmission(command=command, resources=resources)


def test_a_job_over_its_wall_time_has_failed_by_it(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    spec = task_pb2.TaskSpec(job_submission=limited(500, "echo last words >&2; sleep 1000 & sleep 1000"))
    whole.send("submit", state_pb2.TASK_TYPE_JOB_SUBMISSION, spec)
    bench.jobs["submit"] = whole.end_of("submit").job
    whole.monitor()
    ended = whole.end_of("monitor")
    assert (ended.task_state, ended.retryable) == (FAILED, False)
    assert ended.condition_code == state_pb2.CONDITION_CODE_TIMEOUT
    assert "end of its wall time" in ended.reason
    assert ended.facts["stderr_tail"].startswith("last words")
    assert ended.job.state == state_pb2.JOB_STATE_FAILED


def test_a_job_within_its_wall_time_completes(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    whole.send(
        "submit", state_pb2.TASK_TYPE_JOB_SUBMISSION, task_pb2.TaskSpec(job_submission=limited(60_000, "exit 0"))
    )
    bench.jobs["submit"] = whole.end_of("submit").job
    whole.monitor()
    assert whole.end_of("monitor").task_state == COMPLETED


@pytest.mark.parametrize(
    "script",
    [
        "sleep 1000 & sleep 1000",
        "trap '' TERM; sleep 1000 & while :; do wait; done",
        "timeout 1000 sleep 1000",
        "bash -c 'set -m; sleep 1000 & sleep 1000'",
    ],
)
def test_the_limit_holds_with_no_executor_alive(bench: Bench, script: str) -> None:
    bench.make_directories()
    spec = task_pb2.TaskSpec(job_submission=limited(500, script))
    manager = ForkJobs(grace_seconds=0.5)
    context = bench.context("submit", state_pb2.TASK_TYPE_JOB_SUBMISSION, spec, jobs=manager)
    job = job_submission(context).job
    bench.channels.close()
    until(lambda: not session(job.job_id))
    channel = bench.channels.channel(bench.site, bench.process)
    (sighting,) = manager.look(channel, [WatchedJob(str(bench.path), job.directory)])
    assert (sighting.seen, sighting.timed_out) == (Seen.ENDED, True)


@pytest.mark.parametrize("own_group", ["", "timeout 1000 "])
def test_the_end_of_the_wall_time_is_said_when_all_is_gone(whole: Whole, bench: Bench, own_group: str) -> None:
    """What does not heed the limit is killed, though the script has ended and left its receipt."""
    bench.make_directories()
    deaf = f"{own_group}sh -c \"trap '' TERM; while :; do sleep 0.02; done\" & wait"
    spec = task_pb2.TaskSpec(job_submission=limited(1000, deaf))
    whole.send("submit", state_pb2.TASK_TYPE_JOB_SUBMISSION, spec)
    bench.jobs["submit"] = whole.end_of("submit").job
    whole.monitor()
    ended = whole.end_of("monitor")
    assert session(bench.jobs["submit"].job_id) == []
    assert (bench.path / bench.jobs["submit"].directory / ".exit").exists()
    assert (ended.task_state, ended.condition_code) == (FAILED, state_pb2.CONDITION_CODE_TIMEOUT)
