"""Every type of task on a real SSH server."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis.errors import LimitExceeded
from services.executor.batch.api import WatchedJob
from services.executor.batch.fork import ForkJobs
from services.executor.domain.jobs import Seen
from services.executor.domain.outcomes import Done, Postponed, Watched
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.tasks import TASKS
from services.executor.tasks.context import TaskContext
from tests.integration.executor.support import Bench, until
from vahana.event.v1 import state_pb2, task_pb2

HOSTILE_NAMES = ["a b.fq", "it's.fq", "$(touch canary)", "-rf", "new\nline\n", "ünï ☃", "*", "\\", "#x", "x" * 240]


def env_setup(bench: Bench) -> Done:
    context = bench.context("env-setup", state_pb2.TASK_TYPE_ENV_SETUP, task_pb2.TaskSpec(env_setup={}))
    return TASKS[state_pb2.TASK_TYPE_ENV_SETUP](context)


def staging_in(bench: Bench, file_name: str, sha256: str, attempt: int = 1) -> Done:
    size = len(bench.files.files.get(sha256, b""))
    staging = task_pb2.DataStagingIn(input="reads", sha256=sha256, size=size, file_name=file_name)
    spec = task_pb2.TaskSpec(data_staging_in=staging)
    context = bench.context("stage-in-reads", state_pb2.TASK_TYPE_DATA_STAGING_IN, spec, attempt)
    return TASKS[state_pb2.TASK_TYPE_DATA_STAGING_IN](context)


def staging_out(bench: Bench, **spec: object) -> Done:
    given = {"output": "sam", "source": task_pb2.OUTPUT_SOURCE_FILE, "job_task_id": "submit", "required": True, **spec}
    kind = task_pb2.TaskSpec(data_staging_out=task_pb2.DataStagingOut(**given))
    context = bench.context("stage-out-sam", state_pb2.TASK_TYPE_DATA_STAGING_OUT, kind)
    return TASKS[state_pb2.TASK_TYPE_DATA_STAGING_OUT](context)


def commands(bench: Bench, *words: list[str], timeout: int = 60, **other: object) -> TaskContext:
    spec = task_pb2.CommandSet(
        commands=[task_pb2.Command(arguments=each) for each in words], timeout={"seconds": timeout}
    )
    kind = task_pb2.TaskSpec(pre_job_command=spec)
    return bench.context("pre-job", state_pb2.TASK_TYPE_PRE_JOB_COMMAND, kind, **other)


def run_commands(context: TaskContext) -> Done | Watched:
    return TASKS[state_pb2.TASK_TYPE_PRE_JOB_COMMAND](context)


def cleanup(bench: Bench, *, others_live: bool = False) -> Done | Postponed:
    context = bench.context(
        "cleanup", state_pb2.TASK_TYPE_CLEANUP, task_pb2.TaskSpec(cleanup={}), others_live=lambda: others_live
    )
    return TASKS[state_pb2.TASK_TYPE_CLEANUP](context)


def test_env_setup_makes_private_directories_and_may_be_repeated(bench: Bench) -> None:
    env_setup(bench)
    env_setup(bench)
    assert sorted(path.name for path in bench.path.iterdir()) == ["inputs", "jobs", "work"]
    assert list((bench.path / "jobs").iterdir()) == []
    for path in (bench.path, *bench.path.iterdir(), bench.path.parent):
        assert path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("scratch", ["relative", "/", "/a/../b", "/a\nb", ""])
def test_a_scratch_that_is_no_path_is_refused(bench: Bench, scratch: str) -> None:
    bench.scratch = scratch
    with pytest.raises(Failure) as failure:
        env_setup(bench)
    assert "scratch" in failure.value.reason


@pytest.mark.parametrize("process", ["..", "a/b", "", "-x", "a b"])
def test_ids_that_could_leave_the_scratch_are_refused(bench: Bench, process: str) -> None:
    bench.process = process
    with pytest.raises(Failure, match="not well formed"):
        cleanup(bench)


def test_a_scratch_that_cannot_be_written_is_told(bench: Bench) -> None:
    bench.scratch = Path("/proc/nowhere")
    with pytest.raises(Failure) as failure:
        env_setup(bench)
    assert "/proc/nowhere" in failure.value.reason


def test_inputs_arrive_whole_under_their_names(bench: Bench) -> None:
    env_setup(bench)
    for name in HOSTILE_NAMES:
        data = os.urandom(300_000)
        done = staging_in(bench, name, bench.files.add(data))
        assert (bench.path / "inputs" / name).read_bytes() == data
        assert done.file.file_name == name
    assert sorted(path.name for path in (bench.path / "inputs").iterdir()) == sorted(HOSTILE_NAMES)
    assert not list(bench.scratch.rglob("canary"))


def test_an_input_of_a_collection_gets_its_own_directory(bench: Bench) -> None:
    env_setup(bench)
    staging_in(bench, "reads/a.fq", bench.files.add(b"a"))
    assert (bench.path / "inputs" / "reads" / "a.fq").read_bytes() == b"a"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", "a//b", "x" * 300, "a\0b"])
def test_an_input_that_would_leave_its_directory_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(Failure):
        staging_in(bench, name, bench.files.add(b"a"))


def test_an_input_that_is_there_is_not_sent_again(bench: Bench) -> None:
    env_setup(bench)
    sha256 = bench.files.add(b"data")
    staging_in(bench, "a", sha256)
    bench.files.files.clear()
    staging_in(bench, "a", sha256, attempt=2)


def test_an_input_never_replaces_another_file(bench: Bench) -> None:
    env_setup(bench)
    (bench.path / "inputs" / "a").write_text("other")
    with pytest.raises(Failure) as failure:
        staging_in(bench, "a", bench.files.add(b"data"))
    assert failure.value.condition is Condition.DIGEST_MISMATCH
    assert (bench.path / "inputs" / "a").read_text() == "other"


def test_an_input_garbled_on_its_way_is_not_published(bench: Bench) -> None:
    env_setup(bench)
    bench.files.tamper = lambda data: data[:-1]
    with pytest.raises(Failure) as failure:
        staging_in(bench, "a", bench.files.add(b"data"))
    assert failure.value.condition is Condition.DIGEST_MISMATCH
    assert failure.value.retryable
    assert list((bench.path / "inputs").iterdir()) == []


def test_an_input_the_store_does_not_hold(bench: Bench) -> None:
    env_setup(bench)
    with pytest.raises(Failure, match="store holds no file"):
        staging_in(bench, "a", "0" * 64)
    assert not list((bench.path / "inputs").glob("a"))


@pytest.fixture
def tiny_inputs(bench: Bench) -> Iterator[None]:
    """The process's inputs on a file system with room for 16 KB."""
    env_setup(bench)
    inputs = bench.path / "inputs"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", inputs], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield
    subprocess.run(["umount", inputs], check=True)


@pytest.mark.usefixtures("tiny_inputs")
def test_a_full_disk_is_waited_for_and_gone_on_with(bench: Bench) -> None:
    filler = bench.path / "inputs" / "filler"
    filler.write_bytes(bytes(12_000))
    wanted = bench.files.add(os.urandom(10_000))
    with pytest.raises(Waiting) as waiting:
        staging_in(bench, "a", wanted)
    assert waiting.value.condition is Condition.DISK_FULL
    assert [file.name for file in (bench.path / "inputs").iterdir()] == ["filler"]
    filler.unlink()
    staging_in(bench, "a", wanted)
    assert (bench.path / "inputs" / "a").stat().st_size == 10_000


def test_outputs_come_back_byte_for_byte(bench: Bench) -> None:
    env_setup(bench)
    (bench.path / "work" / "out").mkdir()
    for name in HOSTILE_NAMES:
        data = os.urandom(1_000_000)
        (bench.path / "work" / "out" / name).write_bytes(data)
        done = staging_out(bench, path=f"out/{name}", file_name="out.sam")
        assert bench.files.files[done.file.sha256] == data
        assert (done.file.name, done.file.file_name, done.file.size) == ("sam", "out.sam", len(data))


def test_an_empty_output(bench: Bench) -> None:
    env_setup(bench)
    (bench.path / "work" / "a").touch()
    assert staging_out(bench, path="a").file.size == 0


def test_a_missing_output(bench: Bench) -> None:
    env_setup(bench)
    with pytest.raises(Failure) as failure:
        staging_out(bench, path="a")
    assert failure.value.condition is Condition.OUTPUT_MISSING
    done = staging_out(bench, path="a", required=False)
    assert done.file is None
    assert "not there" in done.facts["missing"]


def test_an_output_may_not_lead_elsewhere(bench: Bench) -> None:
    env_setup(bench)
    secret = bench.scratch / "secret"
    secret.write_text("secret")
    (bench.path / "work" / "link").symlink_to(secret)
    (bench.path / "work" / "directory").symlink_to(bench.scratch)
    (bench.path / "work" / "null").symlink_to("/dev/null")
    os.mkfifo(bench.path / "work" / "fifo")
    (bench.path / "work" / "made").mkdir()
    for path in ("link", "directory/secret", "null", "fifo", "made"):
        with pytest.raises(Failure) as failure:
            staging_out(bench, path=path)
        assert failure.value.condition is Condition.ACCESS_DENIED
    for path in ("../inputs/x", "/etc/passwd", "a/../../x"):
        with pytest.raises(Failure, match="must be relative"):
            staging_out(bench, path=path)
    assert bench.files.files == {}


def test_a_link_within_the_process_is_followed(bench: Bench) -> None:
    env_setup(bench)
    (bench.path / "work" / "real").write_text("data")
    (bench.path / "work" / "link").symlink_to("real")
    assert staging_out(bench, path="link").file.size == 4


def test_an_output_over_the_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    env_setup(bench)
    (bench.path / "work" / "a").write_text("data")

    def refuse(*_: object) -> None:
        raise LimitExceeded("over 1 byte")

    monkeypatch.setattr(bench.files, "write", refuse)
    with pytest.raises(Failure) as failure:
        staging_out(bench, path="a")
    assert failure.value.condition is Condition.SIZE_LIMIT


def test_what_the_job_said_is_staged_out_from_its_own_directory(bench: Bench) -> None:
    env_setup(bench)
    job = TASKS[state_pb2.TASK_TYPE_JOB_SUBMISSION](bench.submission("sh", "-c", "echo out; echo err >&2")).job
    bench.jobs["submit"] = task_pb2.Job(directory=job.directory)
    until((bench.path / job.directory / ".exit").exists)
    out = staging_out(bench, source=task_pb2.OUTPUT_SOURCE_STDOUT, output="stdout")
    err = staging_out(bench, source=task_pb2.OUTPUT_SOURCE_STDERR, output="stderr")
    assert [bench.files.files[done.file.sha256] for done in (out, err)] == [b"out\n", b"err\n"]


def test_without_a_job_there_is_no_stdout(bench: Bench) -> None:
    env_setup(bench)
    assert staging_out(bench, source=task_pb2.OUTPUT_SOURCE_STDOUT, required=False).file is None


def test_short_commands_end_in_one_turn(bench: Bench) -> None:
    env_setup(bench)
    assert isinstance(run_commands(commands(bench, ["touch", "a b"], ["mv", "a b", "c"])), Done)
    assert (bench.path / "work" / "c").exists()


def test_the_first_command_that_fails_ends_the_set(bench: Bench) -> None:
    env_setup(bench)
    with pytest.raises(Failure) as failure:
        run_commands(commands(bench, ["sh", "-c", "echo oh >&2; exit 4"], ["touch", "never"]))
    assert failure.value.condition is Condition.NONZERO_EXIT
    assert "exit code 4" in failure.value.reason
    assert failure.value.reason.endswith("oh")
    assert not (bench.path / "work" / "never").exists()


def test_repeated_commands_are_not_run_again(bench: Bench) -> None:
    env_setup(bench)
    for attempt in (1, 1, 2):
        run_commands(commands(bench, ["sh", "-c", "echo x >> count"], attempt=attempt))
    assert (bench.path / "work" / "count").read_text() == "x\n"


def test_a_command_that_is_not_there(bench: Bench) -> None:
    env_setup(bench)
    with pytest.raises(Failure) as failure:
        run_commands(commands(bench, ["no-such-program"]))
    assert failure.value.condition is Condition.EXECUTABLE_NOT_FOUND
    assert "no-such-program" in failure.value.reason


def test_long_commands_are_watched(bench: Bench) -> None:
    env_setup(bench)
    script = "while [ ! -e go ]; do sleep 0.02; done"
    watched = run_commands(commands(bench, ["sh", "-c", script], linger_ms=0))
    assert isinstance(watched, Watched)
    assert watched.deadline_us > 0
    (bench.path / "work" / "go").touch()
    job = WatchedJob(str(bench.path), watched.job.directory)
    channel = bench.channels.channel(bench.site, bench.process)
    until(lambda: ForkJobs().look(channel, [job])[0].seen is Seen.ENDED)


def test_cleanup_removes_the_process_and_what_is_left_empty(bench: Bench) -> None:
    env_setup(bench)
    (bench.path / "work" / "deep" / "er").mkdir(parents=True)
    (bench.path / "work" / "link").symlink_to(Path.home())
    assert cleanup(bench) == Done()
    assert list(bench.scratch.iterdir()) == []
    assert cleanup(bench) == Done()
    assert Path.home().exists()


def test_cleanup_leaves_other_processes_alone(bench: Bench) -> None:
    env_setup(bench)
    mine, bench.process = bench.process, "proc-other"
    env_setup(bench)
    kept, bench.process = bench.path, mine
    (bench.scratch / ".trash").mkdir()
    (bench.scratch / ".trash" / "proc-else.1.1").mkdir()
    cleanup(bench)
    assert kept.exists()
    assert (bench.scratch / ".trash" / "proc-else.1.1").exists()


def test_cleanup_waits_while_others_work(bench: Bench) -> None:
    env_setup(bench)
    assert isinstance(cleanup(bench, others_live=True), Postponed)
    assert bench.path.exists()
