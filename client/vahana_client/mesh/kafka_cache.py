"""The jars of Apache Kafka in the user's cache, and an archive of their classes that halves the broker's start."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "4.4.0"
_MAVEN_ATTEMPTS = 3


class KafkaError(Exception):
    """The local Kafka cannot be had; the message says what to do."""


def default_cache() -> Path:
    """Return where the jars are kept between runs, for all meshes of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vahana" / f"kafka-{VERSION}"


class KafkaJars:
    """One version's jars in one cache directory."""

    def __init__(self, java: str = "java", cache: Path | None = None) -> None:
        """`java` is a Java 17 or later; the cache is the user's unless given."""
        self.java = java
        self.cache = cache or default_cache()

    def ensure(self) -> None:
        """Fetch the jars where they are missing. They appear all at once; who comes second waits for who came first."""
        if shutil.which(self.java) is None:
            raise KafkaError("Kafka needs Java 17 or later: apt-get install default-jre-headless")
        if not self._libs.is_dir():
            with self.lock():
                if not self._libs.is_dir():
                    self._fetch()

    @property
    def archive(self) -> Path:
        """The archive of loaded classes for this very Java; empty where this Java makes none."""
        java = Path(shutil.which(self.java) or self.java).resolve()
        which = f"{java} {java.stat().st_mtime_ns}"
        return self.cache / f"classes-{hashlib.sha256(which.encode()).hexdigest()[:12]}.jsa"

    def command(self, *options: str) -> list[str]:
        """Return the start of a command that runs a class of Kafka."""
        jars = ":".join(map(str, sorted(self._libs.glob("*.jar"))))
        command = [self.java, "-Xmx256m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *options]
        if self.archive.exists() and self.archive.stat().st_size:
            command.append(f"-XX:SharedArchiveFile={self.archive}")
        return [*command, "-cp", jars]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who adds to the cache."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def _libs(self) -> Path:
        return self.cache / "libs"

    def _fetch(self) -> None:
        if shutil.which("mvn") is None:
            raise KafkaError("Kafka is fetched by Maven, once: apt-get install maven")
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=self.cache) as directory:
            fresh = Path(directory) / "libs"
            command = ["mvn", "-q", "-B", "-C", "-f", str(_pom()), "dependency:copy-dependencies"]
            command += [f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"]
            for _ in range(_MAVEN_ATTEMPTS):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode == 0:
                    fresh.rename(self._libs)
                    return
        raise KafkaError(f"Maven could not fetch Apache Kafka {VERSION}:\n{(done.stdout + done.stderr)[-2000:]}")


def _pom() -> Path:
    installed = Path(__file__).with_name("dev") / "kafka" / "pom.xml"
    return installed if installed.exists() else Path(__file__).parents[3] / "deploy/dev/kafka/pom.xml"
