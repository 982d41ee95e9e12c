"""An executor as a process of its own that holds still where it is told to.

`python -m tests.integration.executor.gated {…}`: the JSON object is a Gated.
"""

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from services.chassis import log
from services.executor.channels.api import Site
from services.executor.channels.ssh import SshChannels
from services.executor.domain.outcomes import Outcome
from services.executor.tasks import TASKS
from services.executor.tasks.context import TaskContext
from tests.integration.executor.support import TENANT, Bench, KeyHolder, MemoryFiles
from tests.integration.executor.whole import Whole

LEASE_SECONDS = 1.0


@dataclass(frozen=True)
class Gated:
    """What such an executor is given.

    At `gate` ("before" or "after" the work, or "amid" a file that is read) it makes a file `{name}.there`, and goes on
    once there is `{name}.go` beside it.
    """

    name: str
    url: str
    directory: str
    port: int
    login: str
    host_key: str
    key: str
    scratch: str
    gate: str
    data: str

    @property
    def argument(self) -> str:
        return json.dumps(asdict(self))

    def hold(self, where: str) -> None:
        if where == self.gate:
            Path(self.directory, f"{self.name}.there").touch()
            while not Path(self.directory, f"{self.name}.go").exists():
                threading.Event().wait(0.02)


class GatedFiles(MemoryFiles):
    """One file, which may come in two parts."""

    def __init__(self, given: Gated) -> None:
        super().__init__()
        self._given = given
        self.add(given.data.encode())

    def read(self, tenant: str, sha256: str) -> Iterator[bytes]:
        data = self.files[sha256]
        yield data[:5]
        self._given.hold("amid")
        yield data[5:]


def main() -> None:
    given = Gated(**json.loads(sys.argv[1]))
    log.configure(given.name, "info")
    channels = SshChannels(KeyHolder(bytes.fromhex(given.key)))
    site = Site(TENANT, "127.0.0.1", given.port, given.login, "cred-test", (given.host_key,))
    bench = Bench(site, channels, GatedFiles(given), Path(given.scratch))

    def gated(context: TaskContext) -> Outcome:
        given.hold("before")
        outcome = TASKS[context.dispatch.type](context)
        given.hold("after")
        return outcome

    tasks = dict.fromkeys(TASKS, gated)
    whole = Whole(given.url, bench, holder=given.name, lease_seconds=LEASE_SECONDS, tasks=tasks)
    whole.threads[0].join()


if __name__ == "__main__":
    main()
