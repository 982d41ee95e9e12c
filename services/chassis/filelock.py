"""One process a SQLite database: whoever holds the lock on `<database>.lock` knows that its predecessor is gone."""

import fcntl
import os
import sys
from pathlib import Path

from sqlalchemy import make_url

EXIT_TAKEN = 75
"""EX_TEMPFAIL: starting again later may succeed."""


class Taken(Exception):  # noqa: N818 - says what is the matter
    """Another process holds the lock."""


class FileLock:
    """A lock held until close() or the end of the process, however that ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock or raise Taken."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise Taken(f"{path} is held by process {holder}; a service on SQLite runs once") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._file)


def lock_database(database_url: str) -> FileLock | None:
    """Lock a SQLite database for the life of this process; ends it with exit code 75 when taken. None on PostgreSQL."""
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    try:
        return FileLock(Path(f"{url.database}.lock"))
    except Taken as error:
        print(error, file=sys.stderr)  # noqa: T201 - logs are not set up yet, and this is for who started us
        raise SystemExit(EXIT_TAKEN) from None
