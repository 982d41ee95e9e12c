"""Transactions, on both databases."""

import random
import threading

import pytest
import sqlalchemy as sa

from services.chassis import clock
from services.chassis.db import Database, after_commit, insert_ignore, now_us
from services.chassis.errors import Unavailable


def count(db, note):
    with db.read() as tx:
        return tx.execute(sa.select(sa.func.count()).select_from(note)).scalar_one()


def test_a_write_is_there_after_its_transaction(db, note):
    with db.write() as tx:
        tx.execute(sa.insert(note), [{"id": 1, "text": "a"}])
        assert count(db, note) == 0
    assert count(db, note) == 1


def test_an_exception_undoes_the_transaction(db, undone, note):
    with undone() as tx:
        tx.execute(sa.insert(note), [{"id": 1}])
    assert count(db, note) == 0


def test_after_commit_runs_once_and_only_after_a_commit(db, undone, note):
    seen = []

    def look():
        seen.append(count(db, note))

    with db.write() as tx:
        after_commit(tx, look)
        after_commit(tx, look)
        tx.execute(sa.insert(note), [{"id": 1}])
        assert seen == []
    assert seen == [1]
    with undone() as tx:
        after_commit(tx, look)
    with db.write():
        pass
    assert seen == [1]


def test_after_commit_may_write(db, note):
    def more():
        with db.write() as tx:
            tx.execute(sa.insert(note), [{"id": 2}])

    with db.write() as tx:
        after_commit(tx, more)
    assert count(db, note) == 1


def test_insert_ignore_counts_what_was_new(db, note):
    with db.write() as tx:
        assert insert_ignore(tx, note, [{"id": n, "text": "first"} for n in range(1, 4)]) == 3
        assert insert_ignore(tx, note, [{"id": n, "text": "second"} for n in range(2, 2003)]) == 1999
        assert insert_ignore(tx, note, []) == 0
        assert tx.execute(sa.select(note.c.text).where(note.c.id == 2)).scalar_one() == "first"


def test_a_read_sees_one_state(db, note):
    with db.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(note)).scalar_one() == 0
        with db.write() as other:
            other.execute(sa.insert(note), [{"id": 1}])
        assert tx.execute(sa.select(sa.func.count()).select_from(note)).scalar_one() == 0


def test_threads_write_without_losing_anything(db, note):
    with db.write() as tx:
        tx.execute(sa.insert(note), [{"id": 1, "text": "0"}])

    def add():
        for _ in range(10):
            with db.write() as tx:
                row = sa.select(note.c.text).where(note.c.id == 1).with_for_update()
                value = int(tx.execute(row).scalar_one())
                tx.execute(sa.update(note).where(note.c.id == 1).values(text=str(value + 1)))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as tx:
        assert tx.execute(sa.select(note.c.text)).scalar_one() == "80"


def test_the_database_tells_the_time(db):
    with db.write() as tx:
        assert abs(now_us(tx) - clock.now_us()) < 5_000_000


def test_a_defect_stays_a_defect(db):
    with pytest.raises(sa.exc.DBAPIError), db.read() as tx:
        tx.execute(sa.text("SELECT * FROM no_such_table"))


def test_sqlite_is_durable_and_checks_foreign_keys(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/deep/er/x.db")
    with db.read() as tx:
        values = [
            tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert values == ["wal", 2, 1]
    db.close()


def test_a_write_inside_a_write_is_a_defect_on_sqlite(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/x.db")
    with db.write(), pytest.raises(RuntimeError), db.write():
        pass
    with db.write():
        pass
    db.close()


def test_a_database_that_is_not_there_is_unavailable(tmp_path):
    (tmp_path / "x.db").mkdir()
    for url in (f"sqlite:///{tmp_path}/x.db", "postgresql+psycopg://nobody@127.0.0.1:1/none"):
        db = Database(url)
        with pytest.raises(Unavailable), db.read() as tx:
            tx.execute(sa.text("SELECT 1"))
        with pytest.raises(Unavailable), db.write() as tx:
            tx.execute(sa.text("SELECT 1"))


def test_a_connection_cut_by_the_server_is_unavailable_and_the_next_works(postgres):
    db = Database(postgres.database())

    def write_while_it_is_cut():
        with db.write() as tx:
            pid = tx.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            with postgres.connect("postgres") as other:
                other.execute("SELECT pg_terminate_backend(%s)", (pid,))
            tx.execute(sa.text("SELECT 1"))

    with pytest.raises(Unavailable):
        write_while_it_is_cut()
    with db.read() as tx:
        assert tx.execute(sa.text("SELECT 1")).scalar_one() == 1
    db.close()


def test_a_standby_that_takes_no_writes_is_unavailable(postgres, metadata, note):
    db = Database(postgres.database(), metadata)
    db.create_tables()

    def write_to_it():
        with db.write() as tx:
            tx.execute(sa.text("SET TRANSACTION READ ONLY"))
            tx.execute(sa.insert(note), [{"id": 1}])

    with pytest.raises(Unavailable):
        write_to_it()
    db.close()


def test_a_value_too_large_for_its_index_is_no_outage(postgres):
    metadata = sa.MetaData()
    indexed = sa.Table("indexed", metadata, sa.Column("text", sa.Text, primary_key=True))
    db = Database(postgres.database(), metadata)
    db.create_tables()
    with pytest.raises(sa.exc.OperationalError, match="index row"), db.write() as tx:
        tx.execute(sa.insert(indexed), [{"text": random.Random(1).randbytes(20_000).hex()}])
    db.close()
