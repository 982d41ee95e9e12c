"""A whole executor, all but Kafka, on a real SSH server: from dispatches to events."""

import pytest
import sqlalchemy as sa
from google.protobuf.duration_pb2 import Duration

from services.executor.schema import metadata
from tests.integration.executor.support import Bench, KeyHolder, cut_off, until
from tests.integration.executor.whole import COMPLETED, FAILED, Whole
from vahana.event.v1 import state_pb2, task_pb2
from vahana_client.mesh.sshd import LocalSshd

WAIT = 'echo run >> count; while [ ! -e go ]; do sleep 0.02; done; echo oh >&2; exit "$1"'


def test_a_process_from_set_up_to_clean_up(whole: Whole, bench: Bench) -> None:
    whole.env_setup()
    assert whole.end_of("env-setup").task_state == COMPLETED
    staging = {"input": "reads", "sha256": bench.files.add(b"ACGT\n"), "size": 5, "file_name": "reads.fq"}
    whole.send("stage-in-reads", state_pb2.TASK_TYPE_DATA_STAGING_IN, task_pb2.TaskSpec(data_staging_in=staging))
    assert whole.end_of("stage-in-reads").file.sha256 == staging["sha256"]
    commands = task_pb2.CommandSet(commands=[task_pb2.Command(arguments=["mkdir", "out"])])
    whole.send("pre-job", state_pb2.TASK_TYPE_PRE_JOB_COMMAND, task_pb2.TaskSpec(pre_job_command=commands))
    assert whole.end_of("pre-job").task_state == COMPLETED
    job = whole.submit("sh", "-c", "rev < ../inputs/reads.fq > out/result; echo said")
    assert (job.state, job.directory) == (state_pb2.JOB_STATE_SUBMITTED, "jobs/submit.a1")
    whole.monitor()
    ended = whole.end_of("monitor")
    assert (ended.job.state, ended.job.exit_code, ended.job.job_id) == (state_pb2.JOB_STATE_COMPLETE, 0, job.job_id)
    out = {"output": "result", "source": "OUTPUT_SOURCE_FILE", "path": "out/result", "required": True}
    whole.send("stage-out-result", state_pb2.TASK_TYPE_DATA_STAGING_OUT, task_pb2.TaskSpec(data_staging_out=out))
    assert bench.files.files[whole.end_of("stage-out-result").file.sha256] == b"TGCA\n"
    out = {"output": "stdout", "source": "OUTPUT_SOURCE_STDOUT", "job_task_id": "submit"}
    whole.send("stage-out-stdout", state_pb2.TASK_TYPE_DATA_STAGING_OUT, task_pb2.TaskSpec(data_staging_out=out))
    assert bench.files.files[whole.end_of("stage-out-stdout").file.sha256] == b"said\n"
    whole.send("cleanup", state_pb2.TASK_TYPE_CLEANUP, task_pb2.TaskSpec(cleanup={}))
    assert whole.end_of("cleanup").task_state == COMPLETED
    assert not bench.path.exists()


def test_a_job_that_fails_is_told_with_its_last_words(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    (bench.path / "work" / "go").touch()
    whole.submit("sh", "-c", WAIT, "job", "3")
    whole.monitor()
    event = whole.end_of("monitor")
    assert (event.task_state, event.retryable) == (FAILED, False)
    assert event.condition_code == state_pb2.CONDITION_CODE_NONZERO_EXIT
    assert "exit code 3" in event.reason
    assert event.facts["stderr_tail"] == "oh"
    assert (event.job.state, event.job.exit_code) == (state_pb2.JOB_STATE_FAILED, 3)


def test_an_executable_that_is_not_there(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    whole.submit("no-such-program")
    whole.monitor()
    event = whole.end_of("monitor")
    assert event.condition_code == state_pb2.CONDITION_CODE_EXECUTABLE_NOT_FOUND
    assert "no-such-program" in event.reason


def test_a_killed_executor_is_followed_by_one_that_adopts_its_job(url: str, whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    job = whole.submit("sh", "-c", WAIT, "job", "0")
    # As if the executor had been killed after the job was started and before that was recorded.
    table = metadata.tables["claim"]
    with whole.db.write() as tx:
        tx.execute(sa.update(table).where(table.c.task_id == "submit").values(state=2, holder="executor-dead", seq=1))
        tx.execute(sa.delete(metadata.tables["outbox"]).where(metadata.tables["outbox"].c.id > 1))
    whole.end()
    successor = Whole(url, bench)
    try:
        event = successor.end_of("submit")
        assert event.job.job_id == job.job_id
        successor.monitor()
        (bench.path / "work" / "go").touch()
        assert successor.end_of("monitor").task_state == COMPLETED
        assert (bench.path / "work" / "count").read_text() == "run\n"
    finally:
        successor.end()


def test_watching_survives_a_host_that_goes_away(whole: Whole, bench: Bench, sshd: LocalSshd) -> None:
    bench.make_directories()
    whole.submit("sh", "-c", WAIT, "job", "0")
    whole.monitor()
    until(lambda: whole.dispatcher.held() == 0)
    cut_off(sshd)
    try:
        until(lambda: whole.events("monitor")[-1].blocked)
        assert whole.events("monitor")[-1].condition_code == state_pb2.CONDITION_CODE_HOST_UNREACHABLE
        (bench.path / "work" / "go").touch()
    finally:
        sshd.start()
    assert whole.end_of("monitor").task_state == COMPLETED
    assert not whole.events("monitor")[-2].blocked


def test_an_unreachable_host_blocks_until_the_budget_is_spent(whole: Whole) -> None:
    whole.env_setup(port=1, budget=1)
    event = whole.end_of("env-setup")
    assert (event.task_state, event.retryable) == (FAILED, False)
    assert event.condition_code == state_pb2.CONDITION_CODE_HOST_UNREACHABLE
    assert event.reason.startswith("gave up after 1.0 s: host 127.0.0.1:1 does not answer since ")
    assert event.reason.endswith("(127.0.0.1:1 does not answer: Connection refused)")
    blocked = whole.events("env-setup")[1:-1]
    assert [each.blocked for each in blocked] == [True]


def test_a_refused_login_blocks_until_the_key_is_let_in(
    whole: Whole, bench: Bench, sshd: LocalSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = KeyHolder()
    monkeypatch.setattr(whole.channels, "_signer", stranger)
    whole.env_setup()
    until(lambda: whole.events("env-setup")[-1:] and whole.events("env-setup")[-1].blocked)
    assert whole.events("env-setup")[-1].condition_code == state_pb2.CONDITION_CODE_LOGIN_REFUSED
    sshd.authorize(stranger.public_key("", ""))
    assert whole.end_of("env-setup").task_state == COMPLETED
    assert [event.blocked for event in whole.events("env-setup")] == [False, True, False, False]


def test_a_changed_host_key_fails_at_once(whole: Whole) -> None:
    whole.env_setup(host_keys=[KeyHolder().public_key("", "")])
    event = whole.end_of("env-setup")
    assert (event.task_state, event.retryable) == (FAILED, False)
    assert event.condition_code == state_pb2.CONDITION_CODE_HOST_KEY_MISMATCH
    assert event.reason.count("SHA256:") == 2
    assert len(whole.events("env-setup")) == 2


@pytest.mark.parametrize(
    ("script", "condition"),
    [
        ("while :; do sleep 0.05; done", state_pb2.CONDITION_CODE_TIMEOUT),
        ("sleep 0.5; exit 5", state_pb2.CONDITION_CODE_NONZERO_EXIT),
        ("sleep 0.5", state_pb2.CONDITION_CODE_UNSPECIFIED),
    ],
)
def test_commands_that_take_long_are_watched(whole: Whole, bench: Bench, script: str, condition: int) -> None:
    bench.make_directories()
    limit = Duration(seconds=2)
    commands = task_pb2.CommandSet(commands=[task_pb2.Command(arguments=["sh", "-c", script])], timeout=limit)
    whole.send("post-job", state_pb2.TASK_TYPE_POST_JOB_COMMAND, task_pb2.TaskSpec(post_job_command=commands))
    event = whole.end_of("post-job")
    assert event.condition_code == condition
    assert not event.HasField("job")


def test_monitoring_without_a_job_is_told(whole: Whole) -> None:
    whole.monitor()
    assert "no job of this process is known" in whole.end_of("monitor").reason


def test_many_jobs_of_one_account_are_watched_together(whole: Whole, bench: Bench) -> None:
    bench.make_directories()
    (bench.path / "work" / "go").touch()
    for number in range(8):
        command = task_pb2.Command(arguments=["sh", "-c", WAIT, "job", "0"])
        spec = task_pb2.TaskSpec(job_submission=task_pb2.JobSubmission(command=command))
        whole.send(f"submit-{number}", state_pb2.TASK_TYPE_JOB_SUBMISSION, spec)
    for number in range(8):
        bench.jobs[f"submit-{number}"] = whole.end_of(f"submit-{number}").job
    for number in range(8):
        spec = task_pb2.TaskSpec(monitoring=task_pb2.Monitoring(job_task_id=f"submit-{number}"))
        whole.send(f"monitor-{number}", state_pb2.TASK_TYPE_MONITORING, spec)
    for number in range(8):
        assert whole.end_of(f"monitor-{number}").task_state == COMPLETED
    assert len((bench.path / "work" / "count").read_text().splitlines()) == 8
