"""Canceling attempts wherever they stand, on a real SSH server: nothing of them runs on when CANCELED is said."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from services.executor.batch.api import WatchedJob
from services.executor.batch.fork import ForkJobs
from services.executor.domain.claims import ClaimState
from services.executor.domain.jobs import Seen
from services.executor.schema import metadata
from tests.integration.executor.support import Bench, MemoryFiles, cut_off, session, until
from tests.integration.executor.whole import CANCELED, COMPLETED, EXECUTING, FAILED, Whole
from vahana.event.v1 import state_pb2, task_pb2
from vahana_client.mesh.sshd import LocalSshd

T = state_pb2.TaskType
C = state_pb2.ConditionCode
CLAIM, OUTBOX = metadata.tables["claim"], metadata.tables["outbox"]
# The children are in the job's session, as those of any program are; "began" tells that they are there.
RUNS = "sleep 1000 & sleep 1000 & echo began > began; wait"
DEAF = "trap '' TERM; sleep 1000 & echo began > began; while :; do wait; done"
# These open process groups of their own.
TIMEOUT = "timeout 1000 sh -c 'sleep 1000 & echo began > began; wait'"
DEAF_TIMEOUT = f'timeout 1000 sh -c "{DEAF}" & wait'
JOB_CONTROL = "bash -c 'set -m; sleep 1000 & echo began > began; wait'"


def job(bench: Bench, script: str, **more: object) -> task_pb2.TaskSpec:
    command = task_pb2.Command(arguments=["sh", "-c", script])
    return task_pb2.TaskSpec(job_submission=task_pb2.JobSubmission(command=command, **more))


def commands(kind: str, script: str) -> task_pb2.TaskSpec:
    made = task_pb2.CommandSet(commands=[task_pb2.Command(arguments=["sh", "-c", script])])
    return task_pb2.TaskSpec(**{kind: made})


def owner(bench: Bench, directory: str) -> dict[str, str]:
    lines = (bench.path / directory / ".owner").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def running(whole: Whole, bench: Bench, script: str) -> task_pb2.Job:
    """A job that runs and is watched."""
    bench.make_directories()
    submitted = whole.submit("sh", "-c", script)
    whole.monitor()
    until((bench.path / "work" / "began").exists)
    return submitted


@pytest.mark.parametrize("script", [RUNS, DEAF, TIMEOUT, DEAF_TIMEOUT, JOB_CONTROL])
def test_a_running_job_is_ended_with_all_its_groups_before_that_is_said(
    whole: Whole, bench: Bench, script: str
) -> None:
    submitted = running(whole, bench, script)
    assert len(session(submitted.job_id)) > 1
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    ended = whole.end_of("monitor")
    assert session(submitted.job_id) == []
    assert (ended.task_state, ended.condition_code) == (CANCELED, C.CONDITION_CODE_CANCELED_BY_USER)
    assert ended.reason == "canceled by ada"
    assert (ended.job.state, ended.job.job_id) == (state_pb2.JOB_STATE_CANCELED, submitted.job_id)


@pytest.mark.parametrize("said", ["08", "1" * 30, "-1", "x y", ""])
def test_a_file_of_one_job_says_nothing_of_another(whole: Whole, bench: Bench, said: str) -> None:
    odd = bench.path / "jobs" / "odd.a1"
    submitted = running(whole, bench, RUNS)
    odd.mkdir()
    (odd / ".owner").write_text((bench.path / submitted.directory / ".owner").read_text())
    (odd / ".cancel").write_text(f"{said}\n")
    channel = bench.channels.channel(bench.site, bench.process)
    jobs = [WatchedJob(str(bench.path), "jobs/odd.a1", cancel=True), WatchedJob(str(bench.path), submitted.directory)]
    first, second = ForkJobs().look(channel, jobs)
    assert (first.directory, second.directory) == ("jobs/odd.a1", submitted.directory)
    until(lambda: session(submitted.job_id) == [])


@pytest.mark.parametrize("number", ["08", "0", "1", "-1", "1" * 30, "x"])
def test_an_owner_that_is_no_process_is_lost_and_nothing_is_signaled(whole: Whole, bench: Bench, number: str) -> None:
    submitted = running(whole, bench, RUNS)
    file = bench.path / submitted.directory / ".owner"
    text = file.read_text()
    odd = bench.path / "jobs" / "odd.a1"
    odd.mkdir()
    (odd / ".owner").write_text(text.replace(f"id {submitted.job_id}\n", f"id {number}\n"))
    channel = bench.channels.channel(bench.site, bench.process)
    for how in ({"stop": True}, {"cancel": True}, {"cancel": True}):
        (sighting,) = ForkJobs(0.01).look(channel, [WatchedJob(str(bench.path), "jobs/odd.a1", **how)])
        assert sighting.seen is Seen.LOST
    assert session(submitted.job_id)
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    assert whole.end_of("monitor").task_state == CANCELED


@pytest.mark.parametrize("file", [".cancel", ".exit", ".owner"])
def test_a_pipe_in_the_place_of_a_file_stops_nobody(whole: Whole, bench: Bench, file: str) -> None:
    submitted = running(whole, bench, RUNS)
    odd = bench.path / "jobs" / "odd.a1"
    odd.mkdir()
    (odd / ".owner").write_text((bench.path / submitted.directory / ".owner").read_text())
    (odd / file).unlink(missing_ok=True)
    os.mkfifo(odd / file)
    channel = bench.channels.channel(bench.site, bench.process)
    jobs = [WatchedJob(str(bench.path), "jobs/odd.a1", cancel=True), WatchedJob(str(bench.path), submitted.directory)]
    assert [each.directory for each in ForkJobs().look(channel, jobs)] == [each.directory for each in jobs]
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    until(lambda: session(submitted.job_id) == [])


def test_a_job_is_ended_where_that_cannot_be_noted(whole: Whole, bench: Bench) -> None:
    submitted = running(whole, bench, DEAF)
    # Neither a file nor a link can be made of this name.
    (bench.path / submitted.directory / ".cancel").symlink_to("nowhere/at/all")
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    assert whole.end_of("monitor").task_state == FAILED
    assert session(submitted.job_id) == []


def test_a_polite_job_may_clean_up_after_itself(whole: Whole, bench: Bench) -> None:
    tidy = "trap 'echo tidied > tidied; exit 7' TERM; echo began > began; while :; do sleep 0.02; done"
    running(whole, bench, tidy)
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    ended = whole.end_of("monitor")
    assert (ended.task_state, ended.job.exit_code) == (CANCELED, 7)
    assert (bench.path / "work" / "tidied").exists()


@pytest.mark.parametrize(("code", "state"), [(0, COMPLETED), (3, FAILED)])
def test_a_job_that_had_ended_keeps_its_end(whole: Whole, bench: Bench, code: int, state: int) -> None:
    bench.make_directories()
    submitted = whole.submit("sh", "-c", f"exit {code}")
    until((bench.path / submitted.directory / ".exit").exists)
    # Its monitoring is opened only to end it.
    spec = task_pb2.TaskSpec(monitoring=task_pb2.Monitoring(job_task_id="submit"))
    whole.send("monitor", T.TASK_TYPE_MONITORING, spec, cancel_reason="canceled by ada")
    ended = whole.end_of("monitor")
    assert (ended.task_state, ended.job.exit_code) == (state, code)


def test_a_job_that_ends_well_on_being_told_has_won_the_race(whole: Whole, bench: Bench) -> None:
    running(whole, bench, "trap 'exit 0' TERM; echo began > began; while :; do sleep 0.02; done")
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    assert whole.end_of("monitor").task_state == COMPLETED


def test_a_job_nobody_watches_yet_is_ended_by_monitoring_opened_for_that(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    submitted = whole.submit("sh", "-c", RUNS)
    until((bench.path / "work" / "began").exists)
    spec = task_pb2.TaskSpec(monitoring=task_pb2.Monitoring(job_task_id="submit"))
    whole.send("monitor", T.TASK_TYPE_MONITORING, spec, cancel_reason="canceled by ada")
    assert whole.end_of("monitor").task_state == CANCELED
    assert session(submitted.job_id) == []


def test_a_cancel_that_comes_before_the_dispatch_of_monitoring_waits_for_it(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    submitted = whole.submit("sh", "-c", RUNS)
    until((bench.path / "work" / "began").exists)
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    assert whole.events("monitor") == []
    whole.monitor()
    assert whole.end_of("monitor").task_state == CANCELED
    assert session(submitted.job_id) == []


def test_a_cancel_that_comes_before_the_dispatch_of_a_job_keeps_it_from_beginning(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    whole.cancel("submit", T.TASK_TYPE_JOB_SUBMISSION)
    assert whole.end_of("submit").task_state == CANCELED
    whole.send("submit", T.TASK_TYPE_JOB_SUBMISSION, job(bench, RUNS))
    whole.send("other", T.TASK_TYPE_JOB_SUBMISSION, job(bench, "exit 0"))
    assert whole.end_of("other").task_state == COMPLETED
    assert not (bench.path / "jobs" / "submit.a1").exists()
    assert len(whole.events("submit")) == 1


def test_a_submission_whose_executor_died_is_ended_where_its_job_runs(url: str, whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    submitted = whole.submit("sh", "-c", RUNS)
    until((bench.path / "work" / "began").exists)
    _as_if_killed(whole, "submit")
    whole.end()
    with whole.db.write() as tx:
        tx.execute(sa.update(CLAIM).values(cancel=True, cancel_reason="canceled by ada"))
    successor = Whole(url, bench, grace_seconds=1.0)
    try:
        ended = successor.end_of("submit")
        assert ended.task_state == CANCELED
        assert ended.job.job_id == submitted.job_id
        assert session(submitted.job_id) == []
    finally:
        successor.end()


def test_a_submission_whose_executor_died_before_its_job_began_never_begins(
    url: str, whole: Whole, bench: Bench
) -> None:
    bench.make_directories()
    whole.end()
    late = Whole(url, bench)
    late.stop.set()
    late.threads[0].join(20)
    late.send("submit", T.TASK_TYPE_JOB_SUBMISSION, job(bench, RUNS))
    with late.db.write() as tx:
        tx.execute(sa.update(CLAIM).values(state=ClaimState.CLAIMED, epoch=1, cancel=True, cancel_reason="no"))
    late.end()
    successor = Whole(url, bench)
    try:
        assert successor.end_of("submit").task_state == CANCELED
        assert owner(bench, "jobs/submit.a1") == {"name": "tombstone"}
    finally:
        successor.end()


def test_earlier_attempts_are_barred_and_their_jobs_ended(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    submitted = whole.submit("sh", "-c", RUNS)
    until((bench.path / "work" / "began").exists)
    spec = job(bench, RUNS)
    whole.send("submit", T.TASK_TYPE_JOB_SUBMISSION, spec, attempt=3, cancel_reason="canceled by ada")
    until(lambda: whole.events("submit")[-1].attempt == 3 and whole.events("submit")[-1].task_state == CANCELED)
    assert session(submitted.job_id) == []
    assert [owner(bench, f"jobs/submit.a{each}")["name"] for each in (2, 3)] == ["tombstone"] * 2


@pytest.mark.parametrize("kind", ["pre_job_command", "post_job_command"])
def test_commands_are_ended_with_their_group(whole: Whole, bench: Bench, kind: str) -> None:
    bench.make_directories()
    task_type = T.Value(f"TASK_TYPE_{kind.upper()}")
    whole.send("commands", task_type, commands(kind, RUNS))
    until((bench.path / "work" / "began").exists)
    job_id = owner(bench, "jobs/commands.a1")["id"]
    whole.cancel("commands", task_type)
    assert whole.end_of("commands").task_state == CANCELED
    assert session(job_id) == []
    assert not whole.events("commands")[-1].HasField("job")


def test_a_canceled_job_on_an_unreachable_host_waits_for_it_and_goes_on(
    whole: Whole, bench: Bench, sshd: LocalSshd
) -> None:
    submitted = running(whole, bench, RUNS)
    cut_off(sshd)
    try:
        whole.cancel("monitor", T.TASK_TYPE_MONITORING)
        until(lambda: whole.events("monitor")[-1].blocked)
        told = whole.events("monitor")[-1]
        assert (told.task_state, told.condition_code) == (EXECUTING, C.CONDITION_CODE_HOST_UNREACHABLE)
        assert session(submitted.job_id)
    finally:
        sshd.start()
    assert whole.end_of("monitor").task_state == CANCELED
    assert session(submitted.job_id) == []


def test_a_job_whose_files_were_taken_away_is_not_said_to_be_canceled(whole: Whole, bench: Bench) -> None:
    submitted = running(whole, bench, RUNS)
    directory, aside = bench.path / submitted.directory, bench.path / "aside"
    directory.rename(aside)
    whole.cancel("monitor", T.TASK_TYPE_MONITORING)
    until(lambda: whole.events("monitor")[-1].blocked)
    assert "has no files" in whole.events("monitor")[-1].reason
    assert not directory.exists()
    aside.rename(directory)
    assert whole.end_of("monitor").task_state == CANCELED
    assert session(submitted.job_id) == []


def test_a_cancel_does_not_give_up_when_the_budget_of_waiting_is_spent(
    whole: Whole, bench: Bench, sshd: LocalSshd
) -> None:
    bench.make_directories()
    whole.submit("sh", "-c", RUNS)
    whole.monitor(budget=1)
    until((bench.path / "work" / "began").exists)
    cut_off(sshd)
    try:
        whole.cancel("monitor", T.TASK_TYPE_MONITORING)
        until(lambda: whole.events("monitor")[-1].blocked)
        with whole.db.write() as tx:
            long_ago = {"blocked_since_us": 1, "reason": "an older one"}
            tx.execute(sa.update(CLAIM).where(CLAIM.c.task_id == "monitor").values(long_ago))
        told = len(whole.events("monitor"))
        until(lambda: len(whole.events("monitor")) > told)
        assert whole.events("monitor")[-1].task_state == EXECUTING
    finally:
        sshd.start()
    assert whole.end_of("monitor").task_state == CANCELED


class SlowFiles(MemoryFiles):
    """A store whose bytes come only when they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go, self.sending = threading.Event(), threading.Event()

    def read(self, tenant: str, sha256: str) -> Iterator[bytes]:
        for chunk in super().read(tenant, sha256):
            yield chunk
            self.sending.set()
            assert self.let_go.wait(30)


@pytest.fixture
def files() -> SlowFiles:
    return SlowFiles()


def test_staging_in_is_cut_off_between_chunks(whole: Whole, bench: Bench, files: SlowFiles) -> None:
    bench.make_directories()
    data = os.urandom(1_000_000)
    staging = {"input": "reads", "sha256": files.add(data), "size": len(data), "file_name": "reads"}
    whole.send("stage-in", T.TASK_TYPE_DATA_STAGING_IN, task_pb2.TaskSpec(data_staging_in=staging))
    assert files.sending.wait(10)
    part = bench.path / "inputs" / "reads.part.1.1"
    until(part.exists)
    writers = _users_of(part)
    assert writers
    whole.cancel("stage-in", T.TASK_TYPE_DATA_STAGING_IN)
    files.let_go.set()
    ended = whole.end_of("stage-in")
    assert (ended.task_state, ended.condition_code) == (CANCELED, C.CONDITION_CODE_CANCELED_BY_USER)
    until(lambda: not any(map(psutil.pid_exists, writers)))
    assert not (bench.path / "inputs" / "reads").exists()


def test_staging_out_is_cut_off_while_the_host_is_silent(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    result = bench.path / "work" / "result"
    result.touch()
    # Takes minutes to be read through, and no room.
    os.truncate(result, 200 << 30)
    out = {"output": "result", "source": "OUTPUT_SOURCE_FILE", "path": "result", "required": True}
    whole.send("stage-out", T.TASK_TYPE_DATA_STAGING_OUT, task_pb2.TaskSpec(data_staging_out=out))
    until(lambda: bool(_users_of(result)))
    digesting = _users_of(result)
    whole.cancel("stage-out", T.TASK_TYPE_DATA_STAGING_OUT)
    assert whole.end_of("stage-out").task_state == CANCELED
    until(lambda: not any(map(psutil.pid_exists, digesting)))


def test_whoever_takes_a_canceled_claim_over_ends_it_without_work(url: str, whole: Whole, bench: Bench) -> None:
    whole.env_setup()
    assert whole.end_of("env-setup").task_state == COMPLETED
    _as_if_killed(whole, "env-setup")
    whole.end()
    with whole.db.write() as tx:
        tx.execute(sa.update(CLAIM).values(cancel=True, cancel_reason="canceled by ada"))
    successor = Whole(url, bench)
    try:
        assert successor.end_of("env-setup").task_state == CANCELED
    finally:
        successor.end()


def _as_if_killed(whole: Whole, task_id: str) -> None:
    """As if the executor had been killed before what it had done was recorded."""
    with whole.db.write() as tx:
        claimed = {"state": ClaimState.CLAIMED, "holder": "executor-dead", "seq": 1}
        tx.execute(sa.update(CLAIM).where(CLAIM.c.task_id == task_id).values(claimed))
        tx.execute(sa.delete(OUTBOX).where(OUTBOX.c.id > 1))


def _users_of(file: Path) -> list[int]:
    """The processes that have a file open."""

    def uses(process: psutil.Process) -> bool:
        try:
            return any(opened.path == str(file) for opened in process.open_files())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    return [process.pid for process in psutil.process_iter() if uses(process)]
