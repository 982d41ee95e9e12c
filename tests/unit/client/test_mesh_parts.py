"""The parts `vahana up` and `vahana down` are made of."""

import hashlib
import json
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from vahana_client.home import Home
from vahana_client.mesh.identities import ensure_identities
from vahana_client.mesh.plans import service_environment
from vahana_client.mesh.ports import DEFAULT_PORTS, SERVICES, PortTakenError, choose_ports
from vahana_client.mesh.process import ProcessPlan, SupervisedProcess
from vahana_client.mesh.record import MeshRecord, ProcessRecord, running
from vahana_client.mesh.stop import stop_recorded


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    return made


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def sleeper() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", *arguments]))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def next_news(process: SupervisedProcess) -> str:
    """Tends a process until something happens to it."""
    news = ""
    deadline = time.monotonic() + 10
    while not news and time.monotonic() < deadline:
        news = process.tend()
        time.sleep(0.01)
    return news


def test_identities_are_random_private_and_kept(home: Home):
    ensure_identities(home)
    first = home.identities_file.read_text()
    ensure_identities(home)
    assert home.identities_file.read_text() == first
    identities = {one["subject"]: one for one in json.loads(first)["identities"]}
    assert set(identities) == {"admin", *SERVICES}
    assert identities["admin"]["roles"] == ["admin", "operator"]
    assert identities["executor"] | {"token_sha256": ""} == {
        "subject": "executor", "tenant": "", "roles": ["service"], "token_sha256": "",
    }  # fmt: skip
    for subject, identity in identities.items():
        token = home.token_file(subject).read_text().strip()
        assert len(token) >= 32
        assert identity["token_sha256"] == hashlib.sha256(token.encode()).hexdigest()
        assert stat.S_IMODE(home.token_file(subject).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.identities_file.stat().st_mode) == 0o600


def test_an_identity_that_is_missing_is_added(home: Home):
    ensure_identities(home)
    kept = json.loads(home.identities_file.read_text())["identities"][:2]
    home.identities_file.write_text(json.dumps({"identities": kept}))
    ensure_identities(home)
    now = json.loads(home.identities_file.read_text())["identities"]
    assert now[:2] == kept
    assert len(now) == 1 + len(SERVICES)


def test_ports_are_the_given_else_the_default():
    wanted = choose_ports({"gateway": 29_999}, {}, free=True)
    assert wanted["gateway"] == 29_999
    assert set(wanted) == set(DEFAULT_PORTS)
    assert len(set(wanted.values())) == len(wanted)


def test_free_ports_are_those_of_the_last_time_where_still_free(listener: int):
    first = choose_ports({}, {}, free=True)
    assert choose_ports({}, first, free=True) == first
    changed = choose_ports({}, {**first, "sshd": listener}, free=True)
    assert changed["sshd"] != listener


def test_a_port_in_use_is_named(listener: int):
    with pytest.raises(PortTakenError, match=f"profile {listener}"):
        choose_ports({"profile": listener}, {}, free=True)


def test_a_service_gets_its_own_settings_and_its_peers_addresses(home: Home):
    ports = {name: 20_000 + number for number, name in enumerate(DEFAULT_PORTS)}
    inherited = {
        "PATH": "/bin",
        "VAHANA_LISTEN": "0.0.0.0:1",
        "VAHANA_TOKEN": "the user's",
        "VAHANA_DATABASE_URL": "sqlite:///everybody's",
        "VAHANA_REGISTRY_DATABASE_URL": "postgresql://registry",
        "VAHANA_BLOCKED_BUDGET_SECONDS": "5",
    }
    registry = service_environment(home, "registry", ports, "broker:9092", inherited)
    assert registry["VAHANA_LISTEN"] == f"127.0.0.1:{ports['registry']}"
    assert registry["VAHANA_EXPERIMENT_ADDRESS"] == f"127.0.0.1:{ports['experiment']}"
    assert registry["VAHANA_KAFKA_BOOTSTRAP"] == "broker:9092"
    assert registry["VAHANA_DATABASE_URL"] == "postgresql://registry"
    assert registry["VAHANA_BLOCKED_BUDGET_SECONDS"] == "5"
    assert "VAHANA_TOKEN" not in registry
    assert "VAHANA_DATABASE_URL" not in service_environment(home, "profile", ports, "broker:9092", inherited)


def test_the_record_is_read_as_it_was_written(home: Home):
    assert MeshRecord.load(home) is None
    record = MeshRecord(gateway="127.0.0.1:1", ports={"gateway": 1}, processes={"profile": ProcessRecord(7, 1.5, 2)})
    record.save(home)
    assert MeshRecord.load(home) == record


def test_a_pid_taken_by_another_process_is_not_ours(sleeper):
    record = running(sleeper().pid)
    assert record.alive()
    assert not ProcessRecord(record.pid, record.started - 100).alive()
    assert stop_recorded(MeshRecord(supervisor=ProcessRecord(record.pid, record.started - 100))) == []
    assert record.alive()


def test_down_ends_what_a_killed_supervisor_left_behind(sleeper):
    children = {name: sleeper() for name in ("profile", "kafka")}
    record = MeshRecord(
        supervisor=ProcessRecord(pid=2**22, started=1.0),
        processes={name: running(child.pid) for name, child in children.items()},
    )
    assert stop_recorded(record) == ["ended profile", "ended kafka"]
    assert not record.alive()


def _process(home: Home, code: str) -> SupervisedProcess:
    plan = ProcessPlan(
        name="one",
        command=[sys.executable, "-c", code],
        environment={},
        directory=home.path,
        log=home.log_file("one"),
        address="",
        answers=lambda: True,
    )
    return SupervisedProcess(plan)


def test_what_dies_is_started_again_after_a_growing_pause(home: Home):
    process = _process(home, "import time; time.sleep(600)")
    process.start()
    pauses = []
    for number in (1, 2):
        before = process.record.pid
        psutil.Process(before).kill()
        assert "was ended by SIGKILL" in next_news(process)
        died = time.monotonic()
        assert "started again" in next_news(process)
        assert process.record.pid != before
        pauses.append(time.monotonic() - died)
        assert process.record.restarts == number
    assert 0.1 < pauses[0] < pauses[1]
    process.ask_to_end()
    assert process.wait_end(time.monotonic() + 10)
    assert not process.record.alive()


def test_what_does_not_end_is_killed(home: Home):
    process = _process(
        home, "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    )
    process.start()
    assert eventually(lambda: "ready" in home.log_file("one").read_text())
    process.ask_to_end()
    assert not process.wait_end(time.monotonic() + 0.2)
    assert not process.record.alive()
