"""FORK jobs on a real SSH server: once in effect, and alive without us."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from services.executor.batch.api import WatchedJob
from services.executor.batch.fork import ForkJobs
from services.executor.batch.script import render
from services.executor.channels.ssh import SshChannels
from services.executor.domain.jobs import Seen, Sighting
from services.executor.domain.troubles import Condition, Failure, Waiting
from services.executor.tasks.context import TaskContext
from services.executor.tasks.submission import job_request, job_submission
from tests.integration.executor.support import Bench, cut_off, until
from vahana_client.mesh.sshd import LocalSshd

COUNT = 'echo run >> count; while [ ! -e go ]; do sleep 0.02; done; echo "$1"; echo "$2" >&2; exit "$3"'


def counting(bench: Bench, *, attempt: int = 1, exit_code: int = 0, **more: object) -> TaskContext:
    return bench.submission("sh", "-c", COUNT, "count", "out", "err", str(exit_code), attempt=attempt, **more)


def look(bench: Bench, attempt: int = 1, *, stop: bool = False) -> Sighting:
    job = WatchedJob(str(bench.path), f"jobs/submit.a{attempt}", stop)
    return ForkJobs().look(bench.channels.channel(bench.site, bench.process), [job])[0]


def ended(bench: Bench, attempt: int = 1) -> Sighting:
    until(lambda: look(bench, attempt).seen is not Seen.RUNNING)
    return look(bench, attempt)


def runs(bench: Bench) -> int:
    return len((bench.path / "work" / "count").read_text().splitlines())


def test_a_job_runs_detached_and_leaves_a_receipt(bench: Bench) -> None:
    bench.make_directories()
    job = job_submission(counting(bench, exit_code=3)).job
    until((bench.path / "work" / "count").exists)
    assert look(bench).seen is Seen.RUNNING
    assert os.getpgid(int(job.job_id)) == int(job.job_id) != os.getpgid(0)
    (bench.path / "work" / "go").touch()
    sighting = ended(bench)
    assert (sighting.seen, sighting.exit_code, sighting.stderr_tail) == (Seen.ENDED, 3, "err\n")
    directory = bench.path / job.directory
    assert (directory / "stdout").read_text() == "out\n"
    assert job.name == f"x{bench.process}-submit.a1.g1"
    assert (directory / ".owner").stat().st_mode & 0o777 == 0o600


def test_two_submissions_of_one_attempt_run_the_payload_once(bench: Bench) -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            bench.process = f"proc-race-{number}"
            bench.make_directories()
            (bench.path / "work" / "go").touch()
            jobs = list(pool.map(lambda context: job_submission(context).job, [counting(bench), counting(bench)]))
            assert jobs[0].job_id == jobs[1].job_id != ""
            assert ended(bench).exit_code == 0
            assert runs(bench) == 1


def test_copies_of_the_script_started_behind_our_back_do_not_run_the_payload(bench: Bench) -> None:
    bench.make_directories()
    (bench.path / "work" / "go").touch()
    job_submission(counting(bench))
    ended(bench)
    script = bench.path / "jobs" / "submit.a1" / "script"
    for _ in range(3):
        assert os.spawnlp(os.P_WAIT, "sh", "sh", str(script)) == 0
    assert runs(bench) == 1


def test_a_job_outlives_the_ssh_server(bench: Bench, sshd: LocalSshd) -> None:
    bench.make_directories()
    job = job_submission(counting(bench)).job
    cut_off(sshd)
    assert psutil.pid_exists(int(job.job_id))
    with pytest.raises(Waiting):
        look(bench)
    sshd.start()
    assert look(bench).seen is Seen.RUNNING
    (bench.path / "work" / "go").touch()
    assert ended(bench).exit_code == 0
    assert runs(bench) == 1


def test_an_executor_that_died_between_start_and_record_finds_its_job_again(bench: Bench) -> None:
    bench.make_directories()
    first = job_submission(counting(bench)).job  # and nothing of this was recorded
    again = job_submission(counting(bench)).job
    assert (again.job_id, again.name, again.directory) == (first.job_id, first.name, first.directory)
    (bench.path / "work" / "go").touch()
    assert ended(bench).exit_code == 0
    assert runs(bench) == 1


def test_a_later_attempt_closes_the_one_before_it(bench: Bench) -> None:
    bench.make_directories()
    (bench.path / "work" / "go").touch()
    job = job_submission(counting(bench, attempt=2)).job
    assert job.directory == "jobs/submit.a2"
    assert look(bench, 1).seen is Seen.TOMBSTONE
    with pytest.raises(Failure, match="closed by a later one"):
        job_submission(counting(bench, attempt=1))
    ended(bench, 2)
    assert runs(bench) == 1


def test_a_later_attempt_adopts_the_job_of_the_one_before_it(bench: Bench) -> None:
    bench.make_directories()
    first = job_submission(counting(bench)).job
    second = job_submission(counting(bench, attempt=2)).job
    assert (second.job_id, second.directory) == (first.job_id, "jobs/submit.a1")
    assert not (bench.path / "jobs" / "submit.a2").exists()
    (bench.path / "work" / "go").touch()
    ended(bench)
    assert job_submission(counting(bench, attempt=3)).job.directory == "jobs/submit.a1"
    assert runs(bench) == 1


def lose(bench: Bench) -> None:
    """Submit a job and kill its whole process group, shell and all."""
    job = job_submission(counting(bench)).job
    until((bench.path / "work" / "count").exists)
    os.killpg(int(job.job_id), signal.SIGKILL)
    until(lambda: look(bench).seen is not Seen.RUNNING)


def test_a_job_that_vanished_is_lost_and_not_run_again(bench: Bench) -> None:
    bench.make_directories()
    lose(bench)
    assert look(bench).seen is Seen.LOST
    assert job_submission(counting(bench, attempt=2)).job.directory == "jobs/submit.a1"
    assert runs(bench) == 1


def test_a_program_that_outlives_its_shell_still_runs(bench: Bench) -> None:
    bench.make_directories()
    job = job_submission(counting(bench)).job
    until((bench.path / "work" / "count").exists)
    os.kill(int(job.job_id), signal.SIGKILL)
    until(lambda: not alive(int(job.job_id)))
    assert look(bench).seen is Seen.RUNNING
    assert job_submission(counting(bench, attempt=2, rerun_safe=True)).job.directory == "jobs/submit.a1"
    (bench.path / "work" / "go").touch()
    until(lambda: look(bench).seen is Seen.LOST)
    assert runs(bench) == 1


def test_a_lost_job_that_may_be_rerun_is_run_by_the_next_attempt(bench: Bench) -> None:
    bench.make_directories()
    lose(bench)
    (bench.path / "work" / "go").touch()
    job_submission(counting(bench, attempt=2, rerun_safe=True))
    assert ended(bench, 2).exit_code == 0
    assert runs(bench) == 2


def alive(pid: int) -> bool:
    """Whether a process runs; zombies do not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_signal_to_the_program_is_told_by_the_receipt(bench: Bench) -> None:
    bench.make_directories()
    job = job_submission(bench.submission("sleep", "60")).job
    until(lambda: any(child.name() == "sleep" for child in psutil.Process(int(job.job_id)).children()))
    os.killpg(int(job.job_id), signal.SIGTERM)
    assert ended(bench).exit_code == 128 + signal.SIGTERM


def test_stopping_a_job_ends_what_ignores_signals(bench: Bench) -> None:
    bench.make_directories()
    job = job_submission(bench.submission("sh", "-c", "trap '' TERM; touch up; while :; do sleep 0.1; done")).job
    until((bench.path / "work" / "up").exists)
    assert look(bench, stop=True).seen in {Seen.LOST, Seen.ENDED}
    with pytest.raises(ProcessLookupError):
        _signal_live_members(int(job.job_id))


def _signal_live_members(group: int) -> None:
    """Raise ProcessLookupError where the group has no member but zombies nobody has collected yet."""
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return
        except (psutil.Error, ProcessLookupError):
            continue
    raise ProcessLookupError


def test_a_program_that_is_not_there(bench: Bench) -> None:
    bench.make_directories()
    job_submission(bench.submission("no-such-program", "x"))
    assert ended(bench).missing_program


def test_builtins_and_functions_of_the_shell_are_no_programs(bench: Bench) -> None:
    for number, word in enumerate(["exit", "finish", "cd", "eval", "A=b", "variables"]):
        bench.process = f"proc-builtin-{number}"
        bench.make_directories()
        job_submission(bench.submission(word, "0"))
        assert ended(bench).missing_program


def test_a_program_that_itself_exits_with_127_is_there(bench: Bench) -> None:
    bench.make_directories()
    job_submission(bench.submission("sh", "-c", "exit 127"))
    sighting = ended(bench)
    assert (sighting.missing_program, sighting.exit_code) == (False, 127)


def test_words_and_variables_arrive_byte_for_byte(bench: Bench) -> None:
    bench.make_directories()
    words = [
        "a b",
        "",
        "$(touch canary)",
        "`id`",
        "a'b\"c",
        "x\ny\n",
        "-n",
        "*",
        "ü☃",
        "\\",
        "!",
        "#SBATCH",
        "\x01\x7f",
    ]
    script = 'printf "%s\\0" "$@"; printf "%s" "$vahana_job$IFS" >&2'
    environment = [{"name": "vahana_job", "value": "mine '$(touch canary)'\n"}, {"name": "IFS", "value": "i"}]
    job_submission(bench.submission("sh", "-c", script, "name", *words, environment=environment))
    assert ended(bench).exit_code == 0
    directory = bench.path / "jobs" / "submit.a1"
    assert (directory / "stdout").read_bytes() == b"".join(word.encode() + b"\0" for word in words)
    assert (directory / "stderr").read_bytes().startswith(b"mine '$(touch canary)'\n")
    assert not list(bench.scratch.rglob("canary"))


def test_a_login_with_another_language_and_mask_passes_them_on(bench: Bench) -> None:
    bench.make_directories()
    job_submission(bench.submission("sh", "-c", "echo ${LC_ALL-unset}; umask"))
    ended(bench)
    said = (bench.path / "jobs" / "submit.a1" / "stdout").read_text().split()
    assert said == [os.environ.get("LC_ALL", "unset"), said[1]]
    assert said[1] != "0077"


def test_many_jobs_are_seen_with_one_command(bench: Bench) -> None:
    bench.make_directories()
    job_submission(counting(bench))
    jobs = [WatchedJob(str(bench.path), "jobs/submit.a1"), WatchedJob(str(bench.path), "jobs/nothing.a1")] * 250
    channel = bench.channels.channel(bench.site, bench.process)
    sightings = ForkJobs().look(channel, [*jobs, WatchedJob("/nowhere", "jobs/submit.a1")])
    assert [each.seen for each in sightings] == [Seen.RUNNING, Seen.ABSENT] * 250 + [Seen.ABSENT]
    (bench.path / "work" / "go").touch()
    ended(bench)


def test_a_script_that_arrives_incomplete_is_not_started(
    bench: Bench, channels: SshChannels, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.make_directories()
    context = counting(bench)
    spec = context.dispatch.spec.job_submission
    request = job_request(context.place, context.dispatch, [spec.command], [], [])
    whole = render(request)
    run = type(context.channel).run
    monkeypatch.setattr(
        type(context.channel),
        "run",
        lambda self, script, arguments, *, stdin, seconds: run(
            self, script, arguments, stdin=stdin[: len(whole) // 2], seconds=seconds
        ),
    )
    with pytest.raises(Failure) as failure:
        ForkJobs().submit(context.channel, request, "1.1")
    assert failure.value.retryable
    assert not list((bench.path / "jobs").rglob("script*"))


def test_without_the_directories_there_is_no_submission(bench: Bench) -> None:
    with pytest.raises(Failure) as failure:
        job_submission(counting(bench))
    assert failure.value.condition is Condition.UNKNOWN
    assert str(bench.path) in failure.value.reason or "can't cd" in failure.value.reason


def test_the_owner_of_another_boot_is_gone(bench: Bench) -> None:
    bench.make_directories()
    job = job_submission(counting(bench)).job
    owner = Path(bench.path / job.directory / ".owner")
    text = owner.read_text()
    owner.write_text("\n".join("boot 0" if line.startswith("boot") else line for line in text.splitlines()) + "\n")
    assert look(bench).seen is Seen.LOST
    owner.write_text("\n".join("node other" if line.startswith("node") else line for line in text.splitlines()) + "\n")
    assert look(bench).seen is Seen.RUNNING
    (bench.path / "work" / "go").touch()
    until((bench.path / job.directory / ".exit").exists)
    assert look(bench).seen is Seen.ENDED
