"""Settings from the environment, the lock of a database, wake-ups."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.chassis.filelock import EXIT_TAKEN, FileLock, Taken, lock_database
from services.chassis.settings import Settings
from services.chassis.wake import Wakeups


@pytest.fixture
def environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("VAHANA_")]:
        monkeypatch.delenv(name)
    return monkeypatch.setenv


def test_defaults_follow_from_service_and_home(environment):
    environment("VAHANA_HOME", "/srv/vahana")
    settings = Settings(service="registry")
    assert settings.listen == "127.0.0.1:7402"
    assert settings.database_url == "sqlite:////srv/vahana/registry/registry.db"
    assert settings.identities_file == Path("/srv/vahana/identities.json")
    assert settings.token_file == Path("/srv/vahana/tokens/registry")
    assert settings.kafka_group_protocol == "consumer"


def test_the_environment_wins(environment):
    environment("VAHANA_DATABASE_URL", "postgresql+psycopg://u@h/d")
    environment("VAHANA_LISTEN", "0.0.0.0:9")
    environment("VAHANA_COMMIT_BATCH", "1")
    environment("VAHANA_HOME", "~/elsewhere")
    settings = Settings(service="registry")
    assert settings.database_url == "postgresql+psycopg://u@h/d"
    assert settings.listen == "0.0.0.0:9"
    assert settings.commit_batch == 1
    assert settings.home == Path.home() / "elsewhere"


def test_an_empty_variable_counts_as_absent(environment):
    environment("VAHANA_DATABASE_URL", "")
    assert Settings(service="registry").database_url.startswith("sqlite:///")


@pytest.mark.parametrize(("name", "value"), [("KAFKA_GROUP_PROTOCOL", "share"), ("COMMIT_BATCH", "0")])
def test_a_wrong_value_is_refused(environment, name, value):
    environment(f"VAHANA_{name}", value)
    with pytest.raises(ValidationError):
        Settings(service="registry")


def test_a_lock_is_held_once_and_given_back(tmp_path):
    lock = FileLock(tmp_path / "x.lock")
    with pytest.raises(Taken, match="held by process"):
        FileLock(tmp_path / "x.lock")
    lock.close()
    FileLock(tmp_path / "x.lock").close()


def test_a_second_process_is_told_and_ends_with_75(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    lock = lock_database(url)
    code = "import sys; from services.chassis.filelock import lock_database; lock_database(sys.argv[1])"
    second = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=False)
    assert second.returncode == EXIT_TAKEN
    assert second.stderr.count("\n") == 1
    assert "x.db.lock is held by process" in second.stderr
    lock.close()
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 0


def test_postgresql_needs_no_lock():
    assert lock_database("postgresql+psycopg://u@h/d") is None


def test_a_listener_is_woken_from_another_thread():
    wakeups, times = Wakeups(), []

    async def listen():
        async for _ in wakeups.listen("p", every=30):
            times.append(time.monotonic())
            if len(times) == 3:
                return
            threading.Timer(0.05, wakeups.notify, ["p"]).start()

    started = time.monotonic()
    asyncio.run(asyncio.wait_for(listen(), 20))
    assert times[-1] - started < 10


def test_a_listener_looks_every_now_and_then_anyway():
    wakeups = Wakeups()

    async def listen():
        looks = 0
        async for _ in wakeups.listen("p", every=0.01):
            looks += 1
            wakeups.notify("another")
            if looks == 5:
                return

    asyncio.run(asyncio.wait_for(listen(), 20))


def test_a_change_between_two_looks_is_not_missed():
    wakeups = Wakeups()

    async def listen():
        looks = 0
        async for _ in wakeups.listen("p", every=30):
            looks += 1
            if looks == 2:
                return
            wakeups.notify("p")

    asyncio.run(asyncio.wait_for(listen(), 20))


def test_who_stops_listening_is_forgotten():
    wakeups = Wakeups()

    async def listen():
        listening = wakeups.listen("p")
        await anext(listening)
        assert wakeups._listeners
        await listening.aclose()

    asyncio.run(listen())
    assert not wakeups._listeners
    wakeups.notify("p")
