"""An executor that is stopped past its lease and woken up: the claim is another's by then, and it changes nothing."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.chassis.db import Database
from services.chassis.migrate import upgrade
from services.executor import storage, wire
from services.executor.domain.claims import ClaimState
from services.executor.schema import metadata
from tests.integration.executor.gated import Gated
from tests.integration.executor.support import TENANT, Bench, KeyHolder, until
from vahana.event.v1 import event_pb2, state_pb2, task_pb2

DATA = "reads of the phage\n"
ABANDONED = "claim lost to another executor"
Start = Callable[[str, str], subprocess.Popen[bytes]]


@pytest.fixture
def db(postgres: Any) -> Iterator[Database]:
    """A database that two executors share."""
    url = postgres.database()
    upgrade(url, "services.executor")
    database = Database(url, metadata)
    yield database
    database.close()


@pytest.fixture
def start(db: Database, bench: Bench, key_holder: KeyHolder, tmp_path: Path) -> Iterator[Start]:
    """`start(name, gate)` starts an executor, which is killed with the test."""
    with ExitStack() as stack:

        def start(name: str, gate: str) -> subprocess.Popen[bytes]:
            site = bench.site
            given = Gated(
                name=name,
                url=db.url.render_as_string(hide_password=False),
                directory=str(tmp_path),
                port=site.port,
                login=site.login,
                host_key=site.host_keys[0],
                key=key_holder.private().hex(),
                scratch=str(bench.scratch),
                gate=gate,
                data=DATA,
            )
            output = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            command = [sys.executable, "-m", "tests.integration.executor.gated", given.argument]
            process = subprocess.Popen(command, stdout=output, stderr=output)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


def staging() -> tuple[str, int, task_pb2.TaskSpec]:
    digest = hashlib.sha256(DATA.encode()).hexdigest()
    spec = task_pb2.DataStagingIn(input="reads", file_name="reads.fq", sha256=digest, size=len(DATA))
    return "stage-in", state_pb2.TASK_TYPE_DATA_STAGING_IN, task_pb2.TaskSpec(data_staging_in=spec)


def submission() -> tuple[str, int, task_pb2.TaskSpec]:
    command = task_pb2.Command(arguments=["sh", "-c", "echo run >> count"])
    spec = task_pb2.JobSubmission(command=command)
    return "submit", state_pb2.TASK_TYPE_JOB_SUBMISSION, task_pb2.TaskSpec(job_submission=spec)


def dispatched(db: Database, dispatch: event_pb2.TaskDispatched) -> None:
    with db.write() as tx:
        storage.insert(tx, [wire.new_claim(TENANT, dispatch, db.now_us(tx))])


def rows(db: Database) -> dict[str, list[Any]]:
    with db.read() as tx:
        return {name: tx.execute(sa.select(metadata.tables[name])).all() for name in ("claim", "outbox")}


def published(path: Path) -> dict[str, tuple[int, int, bytes]]:
    """What is there on the host, with what tells whether it was replaced or written to."""
    files = [each for each in path.rglob("*") if each.is_file() and ".part." not in each.name]
    return {str(each): (each.stat().st_ino, each.stat().st_mtime_ns, each.read_bytes()) for each in files}


@pytest.mark.parametrize(
    ("work", "gate"),
    [(staging, "before"), (staging, "amid"), (staging, "after"), (submission, "before"), (submission, "after")],
)
def test_it_changes_no_row_and_publishes_nothing(
    db: Database,
    bench: Bench,
    start: Start,
    tmp_path: Path,
    work: Callable[[], tuple[str, int, task_pb2.TaskSpec]],
    gate: str,
) -> None:
    bench.make_directories()
    dispatched(db, bench.dispatch(*work()))
    stopped = start("stopped", gate)
    until((tmp_path / "stopped.there").exists, 60)
    stopped.send_signal(signal.SIGSTOP)
    start("other", "")
    until(lambda: rows(db)["claim"][0].state == ClaimState.ENDED, 60)
    counted = bench.path / "work" / "count"
    if work is submission:
        until(lambda: any(name.endswith(".exit") for name in published(bench.path)))
    before = rows(db), published(bench.path)
    (claim,) = before[0]["claim"]
    assert (claim.epoch, claim.holder, claim.takeovers) == (2, "other", 0)

    (tmp_path / "stopped.go").touch()
    stopped.send_signal(signal.SIGCONT)
    until(lambda: ABANDONED in (tmp_path / "stopped.log").read_text(), 60)
    assert (rows(db), published(bench.path)) == before
    if work is submission:
        assert counted.read_text() == "run\n"
