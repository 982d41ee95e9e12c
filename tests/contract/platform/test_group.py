"""Group commit, on both databases: writes of many threads in few transactions, each with its own end."""

import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from services.chassis.db import Database, after_commit
from services.chassis.errors import Unavailable


class Crowd:
    """Threads that hand in writes while the first of them is kept in its transaction, so that all others share one."""

    def __init__(self, db):
        self._db = db
        self._pool = ThreadPoolExecutor(64)
        self._begun, self._go = threading.Event(), threading.Event()
        self._first = self._pool.submit(db.together, self._hold)
        assert self._begun.wait(10)

    def _hold(self, tx):
        self._begun.set()
        assert self._go.wait(10)

    def add(self, *fns) -> list[Future]:
        """Hand them in, in this order."""
        return [self._hand_in(fn) for fn in fns]

    def _hand_in(self, fn):
        before = len(self._db._group._waiting)
        future = self._pool.submit(self._db.together, fn)
        while len(self._db._group._waiting) == before:
            pass
        return future

    def go(self):
        """Let them write."""
        self._go.set()
        self._first.result(10)
        self._pool.shutdown()


@pytest.fixture
def crowd(db):
    return Crowd(db)


@pytest.fixture
def commits(db):
    """Counts the commits."""
    seen = []
    event.listen(db._engine, "commit", seen.append)
    return seen


def insert(note, number):
    def write(tx):
        tx.execute(sa.insert(note), [{"id": number, "text": str(number)}])
        return number

    return write


def stored(db, note):
    with db.read() as tx:
        return sorted(tx.execute(sa.select(note.c.id)).scalars())


def test_a_write_alone_is_there_after_it(db, note):
    assert db.together(insert(note, 1)) == 1
    assert stored(db, note) == [1]


def test_what_waits_shares_one_commit_and_each_gets_its_own_result(db, note, crowd, commits):
    futures = crowd.add(*(insert(note, number) for number in range(20)))
    crowd.go()
    assert [future.result() for future in futures] == list(range(20))
    assert len(commits) == 2
    assert stored(db, note) == list(range(20))


def test_an_exception_undoes_its_own_writes_alone(db, note, crowd):
    called = []

    def fail(tx):
        after_commit(tx, lambda: called.append("never"))
        insert(note, 2)(tx)
        raise KeyError("a defect")

    def twice(tx):
        after_commit(tx, lambda: called.append("twice"))
        insert(note, 1)(tx)

    first, failed, clash, last = crowd.add(insert(note, 1), fail, twice, insert(note, 3))
    crowd.go()
    assert (first.result(), last.result()) == (1, 3)
    assert isinstance(failed.exception(), KeyError)
    assert isinstance(clash.exception(), sa.exc.IntegrityError)
    assert stored(db, note) == [1, 3]
    assert called == []


def test_callbacks_run_once_and_after_the_commit_and_may_write(db, note, crowd):
    seen = []

    def look():
        seen.append(stored(db, note))

    def write(number):
        def fn(tx):
            insert(note, number)(tx)
            after_commit(tx, look)

        return fn

    crowd.add(write(1), write(2))
    crowd.go()
    assert seen == [[1, 2]]
    db.together(lambda tx: after_commit(tx, lambda: db.together(insert(note, 3))))
    assert stored(db, note) == [1, 2, 3]


def test_a_commit_that_fails_reaches_all_and_the_next_writes_again(db, note, crowd):
    def refuse(_connection):
        raise Unavailable("the disk is gone")

    futures = crowd.add(insert(note, 1), insert(note, 2))
    crowd.add(lambda tx: event.listen(tx, "commit", refuse))
    crowd.go()
    assert all(isinstance(future.exception(), Unavailable) for future in futures)
    assert stored(db, note) == []
    assert db.together(insert(note, 1)) == 1


def test_a_connection_cut_inside_one_write_reaches_all(postgres, note, metadata):
    db = Database(postgres.database(), metadata)
    db.create_tables()
    crowd = Crowd(db)

    def cut(tx):
        pid = tx.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with postgres.connect("postgres") as other:
            other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        tx.execute(sa.text("SELECT 1"))

    futures = crowd.add(insert(note, 1), cut, insert(note, 2))
    crowd.go()
    assert [type(future.exception()) for future in futures] == [Unavailable] * 3
    assert stored(db, note) == []
    assert db.together(insert(note, 4)) == 4
    db.close()


def test_a_write_together_inside_a_write_is_a_defect_on_sqlite(db, note):
    if db.dialect != "sqlite":
        pytest.skip("PostgreSQL takes several writers")
    with db.write(), pytest.raises(RuntimeError):
        db.together(insert(note, 1))
    assert db.together(insert(note, 2)) == 2


def test_many_threads_lose_nothing_and_share_commits(db, note, commits):
    def add(thread):
        for number in range(25):
            assert db.together(insert(note, thread * 100 + number)) == thread * 100 + number

    with ThreadPoolExecutor(40) as pool:
        for future in [pool.submit(add, thread) for thread in range(40)]:
            future.result()
    assert len(stored(db, note)) == 1000
    assert len(commits) < 500, "fewer than two writes a commit"


WRITERS = """
import sys, threading
import sqlalchemy as sa
from services.chassis.db import Database

db = Database(sys.argv[1])

def write(thread):
    for number in range(thread, 10**9, 16):
        db.together(lambda tx: tx.execute(sa.text(f"INSERT INTO note (id) VALUES ({number})")))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()

for thread in range(16):
    threading.Thread(target=write, args=(thread,)).start()
"""


def test_what_was_returned_is_there_after_a_kill(database_url, db, note):
    with subprocess.Popen([sys.executable, "-c", WRITERS, database_url], stdout=subprocess.PIPE) as process:
        told = [process.stdout.readline() for _ in range(200)]
        process.kill()
        told += process.stdout.readlines()
    returned = {int(line) for line in told if line.endswith(b"\n")}
    assert len(returned) >= 200
    assert returned <= set(stored(db, note))
