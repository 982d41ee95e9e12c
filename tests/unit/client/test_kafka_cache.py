"""The cache of Kafka's jars, with a stand-in for Maven."""

import threading

import pytest

from vahana_client.mesh.kafka_cache import KafkaError, KafkaJars, default_cache

MAVEN = """#!/bin/sh
echo call >> "$CALLS"
for word in "$@"; do case "$word" in -DoutputDirectory=*) out="${word#-DoutputDirectory=}";; esac; done
mkdir -p "$out"
sleep 0.2
touch "$out/kafka.jar"
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")

    def put(name, text):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)

    put("java", "#!/bin/sh\n")
    return put


def test_several_at_once_fetch_once(tmp_path, programs):
    programs("mvn", MAVEN)
    cache = tmp_path / "cache"
    threads = [threading.Thread(target=KafkaJars("java", cache).ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in (cache / "libs").iterdir()] == ["kafka.jar"]
    assert (tmp_path / "calls").read_text().count("call") == 1
    assert sorted(path.name for path in cache.iterdir()) == ["libs", "lock"]


def test_a_failed_fetch_is_told_and_leaves_nothing(tmp_path, programs):
    programs("mvn", "#!/bin/sh\necho 'no route to host' >&2\nexit 1\n")
    with pytest.raises(KafkaError, match="no route to host"):
        KafkaJars("java", tmp_path / "cache").ensure()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_a_missing_program_is_named_with_its_package(tmp_path, programs, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(KafkaError, match="apt-get install maven"):
        KafkaJars("java", tmp_path / "cache").ensure()
    with pytest.raises(KafkaError, match="apt-get install default-jre-headless"):
        KafkaJars("no-such-java", tmp_path / "cache").ensure()


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "vahana" / "kafka-4.4.0"


def test_the_class_archive_is_used_once_it_is_there(tmp_path, programs):
    jars = KafkaJars("java", tmp_path)
    assert not any("SharedArchiveFile" in word for word in jars.command())
    jars.archive.touch()
    assert not any("SharedArchiveFile" in word for word in jars.command())
    jars.archive.write_bytes(b"classes")
    assert f"-XX:SharedArchiveFile={jars.archive}" in jars.command()
