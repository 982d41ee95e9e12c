"""Changes the master key: `python -m services.profile.rotate_master_key --help`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError
from sqlalchemy import make_url

from services.chassis.db import Database
from services.chassis.errors import Unavailable
from services.chassis.filelock import lock_database
from services.chassis.migrate import upgrade
from services.chassis.run import MISCONFIGURED, OK, TRY_AGAIN
from services.profile.handlers.rotating import is_in_use, rewrap_all
from services.profile.schema import metadata
from services.profile.settings import ProfileSettings
from services.profile.vault import master
from services.profile.vault.master import MasterKey, MasterKeyError
from services.profile.vault.seal import SealBroken

_DESCRIPTION = """\
Change the master key that profile's credentials, signing keys and remembered tokens are sealed with.

Each of them is sealed with a data key of its own, and only these data keys are wrapped anew: all in one transaction, so
that everything is under the old key or everything under the new one. Private keys are not touched and stay valid.

Stop profile first. On SQLite the command refuses to run beside it (exit code 75); on PostgreSQL it cannot see the
replicas: stop all of them, as one that runs on would go on sealing with the old key. Where one did, put the old key
back in place and run the command once more with the new one given.

The settings are profile's, from the environment: VAHANA_HOME, VAHANA_DATABASE_URL, VAHANA_MASTER_KEY_FILE,
VAHANA_MASTER_KEY.

With the key in a file (default {home}/master.key), a fresh key is made unless one is given. The new key is written to
master.key.new, the rows are changed, then master.key is kept as master.key.{id}.old and master.key.new renamed to
master.key. Killed at any point it may be run again, and profile may be started: either finishes what was begun. Keep
the .old file as long as backups of the database that were made under it.

With the key in VAHANA_MASTER_KEY, a new one has to be given. Once the command has ended with exit code 0, start profile
with the new key in VAHANA_MASTER_KEY. Killed before that, run it again with the same two keys.

A new key is 32 bytes in base64: head -c 32 /dev/urandom | base64
"""
_EPILOG = "Exit codes: 0 done, 75 profile is running or its database does not answer, 78 a key or setting is wrong."


class RotationSettings(ProfileSettings):
    """profile's settings and the new key."""

    new_master_key: SecretStr = SecretStr("")
    """The key to change to, 32 bytes in base64."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        print(_rotate(RotationSettings(), options.new_key_file))  # noqa: T201 - for who runs the command
    except (ValidationError, SettingsError):
        return _complain("bad settings: start profile with them and it tells what is wrong", MISCONFIGURED)
    except Unavailable as error:
        return _complain(error.message, TRY_AGAIN)
    except SealBroken as error:
        return _complain(f"{error}: restore or delete it; nothing was changed", MISCONFIGURED)
    except OSError as error:
        return _complain(str(error), MISCONFIGURED)
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.profile.rotate_master_key",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--new-key-file",
        type=Path,
        metavar="FILE",
        help="the key to change to, readable by its owner alone; or give it in VAHANA_NEW_MASTER_KEY",
    )
    return parser


def _rotate(settings: RotationSettings, new_key_file: Path | None) -> str:
    _require_database(settings.database_url)
    lock = lock_database(settings.database_url)
    database = Database(settings.database_url, metadata)
    try:
        upgrade(settings.database_url, "services.profile")
        given = _given(settings, new_key_file)
        if settings.master_key.get_secret_value():
            return _rotate_given(database, settings, given)
        return _rotate_file(database, settings.master_key_file, given)
    finally:
        database.close()
        if lock is not None:
            lock.close()


def _rotate_file(database: Database, path: Path, given: MasterKey | None) -> str:
    old, new = master.load(path), _next_key(database, path, given)
    count = rewrap_all(database, old, new)
    try:
        master.promote(path)
    except OSError as error:
        raise MasterKeyError(
            f"all is under key {new.key_id} now, but for its file ({error}): run this again"
        ) from error
    kept = master.backup_file(path, old)
    return f"{path} is now key {new.key_id}, which wraps {count} data keys; key {old.key_id} is kept in {kept}"


def _next_key(database: Database, path: Path, given: MasterKey | None) -> MasterKey:
    """The key to change to, in its file: that of a rotation cut short, the one given, or a fresh one."""
    following = master.next_file(path)
    if following.exists() and given is not None and master.load(following).key_id != given.key_id:
        if is_in_use(database, master.load(following)):
            raise MasterKeyError(f"a change to the key in {following} was cut short: finish it without a new key first")
        following.unlink()
    if given is not None:
        _require_other(master.load(path), given)
    master.create(following, given)
    return master.load(following)


def _rotate_given(database: Database, settings: RotationSettings, new: MasterKey | None) -> str:
    old = master.parse(settings.master_key.get_secret_value(), "VAHANA_MASTER_KEY")
    if new is None:
        raise MasterKeyError("the key is in VAHANA_MASTER_KEY: give the new one in VAHANA_NEW_MASTER_KEY or a file")
    _require_other(old, new)
    count = rewrap_all(database, old, new)
    return f"{count} data keys are wrapped by {new.key_id} now: start profile with that key in VAHANA_MASTER_KEY"


def _given(settings: RotationSettings, new_key_file: Path | None) -> MasterKey | None:
    if new_key_file is not None:
        return master.load(new_key_file)
    text = settings.new_master_key.get_secret_value()
    return master.parse(text, "VAHANA_NEW_MASTER_KEY") if text else None


def _require_other(old: MasterKey, new: MasterKey) -> None:
    if old.key_id == new.key_id:
        raise MasterKeyError(f"the new key is the present one, {old.key_id}: give another")


def _require_database(url: str) -> None:
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite" and not (parts.database and Path(parts.database).exists()):
        raise MasterKeyError(f"there is no database {parts.database}: is VAHANA_HOME or VAHANA_DATABASE_URL right?")


def _complain(message: str, code: int) -> int:
    print(f"rotate_master_key: {message}", file=sys.stderr)  # noqa: T201 - for who runs the command
    return code


if __name__ == "__main__":
    sys.exit(main())
