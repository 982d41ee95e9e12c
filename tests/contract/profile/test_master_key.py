"""The master key: from a file or the environment, and changed."""

import base64
import subprocess
import sys

import pytest
from sqlalchemy import select, update

from services.chassis.db import Database
from services.profile import rotate_master_key
from services.profile.__main__ import wire
from services.profile.schema import credential as credential_table
from services.profile.schema import metadata, signing_key
from services.profile.storage import credentials as storage
from services.profile.storage import sealed
from services.profile.storage import signing_keys as signing_storage
from services.profile.vault import keys, master, seal
from services.profile.vault import signing_keys as vault
from services.profile.vault.master import MasterKeyError
from vahana.profile.v1.credential_pb2 import CreateCredentialRequest
from vahana.profile.v1.credential_pb2_grpc import CredentialServiceStub
from vahana.profile.v1.token_pb2 import CreateApiTokenRequest
from vahana.profile.v1.token_pb2_grpc import ApiTokenServiceStub

ONE, TWO = (master.MasterKey(letter * 32) for letter in (b"1", b"2"))


def text(key):
    return base64.b64encode(key.key).decode()


def fill(profile):
    """Store a credential and an answer that is remembered; returns them."""
    made = profile.stub(CredentialServiceStub, "admin").CreateCredential(CreateCredentialRequest(name="key"))
    return made.credential, make_token(profile)


def make_token(profile):
    request = CreateApiTokenRequest(name="laptop", request_id="r-1")
    return profile.stub(ApiTokenServiceStub, "admin").CreateApiToken(request).token


def opens(url, key, credential):
    """Whether a credential, as it is stored, opens with a master key."""
    database = Database(url, metadata)
    with database.read() as tx:
        stored, row = storage.find_sealed(tx, "default", credential.credential_id)
    database.close()
    try:
        private = seal.unseal(key, "default", credential.credential_id, row)
    except seal.SealBroken:
        return False
    return keys.public_blob(keys.restore(private)) == stored.public_blob


def ids(url):
    database = Database(url, metadata)
    with database.read() as tx:
        found = sealed.master_key_ids(tx)
    database.close()
    return found


def write(path, key):
    path.write_text(text(key))
    path.chmod(0o600)
    return path


def signing_keys(database):
    with database.read() as tx:
        return signing_storage.every(tx)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def url(home):
    return f"sqlite:///{home}/profile/profile.db"


def test_all_that_is_sealed_is_known_to_the_change_of_the_key():
    assert {"credential", "api_token_answer", "signing_key"} <= {table.name for table in sealed.TABLES}
    for table in sealed.TABLES:
        assert {"master_key_id", "ciphertext"} <= set(table.c.keys())
        assert len({column.name for column in table.primary_key} - {"tenant"}) == 1


def test_a_key_given_is_used_and_no_file_made(serve, home, url):
    profile = serve(wire, master_key=text(ONE))
    credential, _ = fill(profile)
    profile.stop()
    assert not (home / "master.key").exists()
    assert opens(url, ONE, credential)
    serve(wire, master_key=f"  {text(ONE)}\n").stop()
    with pytest.raises(MasterKeyError, match=r"VAHANA_MASTER_KEY is .*put that key into VAHANA_MASTER_KEY"):
        serve(wire, master_key=text(TWO))


@pytest.mark.parametrize("given", ["hunter2", "aHVudGVyMg==", "\udcff"])
def test_a_spoiled_key_given_is_told_and_not_repeated(serve, given):
    with pytest.raises(MasterKeyError, match="VAHANA_MASTER_KEY holds no master key") as told:
        serve(wire, master_key=given)
    assert given not in str(told.value)


def test_a_fresh_key_takes_the_old_one_s_place(serve, home, url, capsys):
    profile = serve(wire)
    credential, token = fill(profile)
    profile.stop()
    old = master.load(home / "master.key")
    assert rotate_master_key.main([]) == 0
    new = master.load(home / "master.key")
    assert new.key_id != old.key_id
    assert master.load(home / f"master.key.{old.key_id}.old").key == old.key
    assert sorted(path.name for path in home.glob("master.key*")) == ["master.key", f"master.key.{old.key_id}.old"]
    assert ids(url) == {new.key_id}
    assert opens(url, new, credential)
    assert not opens(url, old, credential)
    said = capsys.readouterr().out
    assert new.key_id in said
    assert text(new) not in said
    assert make_token(serve(wire)) == token


def test_the_signing_keys_are_wrapped_anew_too(serve, home, url):
    profile = serve(wire)
    before = signing_keys(profile.chassis.db)
    profile.stop()
    assert rotate_master_key.main([]) == 0
    new = master.load(home / "master.key")
    profile = serve(wire)
    (key,) = signing_keys(profile.chassis.db)
    assert [(key.key_id, key.sealed.ciphertext)] == [(one.key_id, one.sealed.ciphertext) for one in before]
    assert key.sealed.master_key_id == new.key_id != before[0].sealed.master_key_id
    assert vault.unseal(new, key).public_key().public_bytes_raw() == key.public_key


def test_a_change_stops_at_a_signing_key_of_a_third_master_key(serve, home, url, capsys):
    profile = serve(wire)
    with profile.chassis.db.write() as tx:
        tx.execute(update(signing_key).values(master_key_id=ONE.key_id))
    profile.stop()
    old = (home / "master.key").read_bytes()
    assert rotate_master_key.main([]) == 78
    assert ONE.key_id in capsys.readouterr().err
    assert (home / "master.key").read_bytes() == old


def test_a_key_given_takes_the_old_one_s_place(serve, home, url, tmp_path, monkeypatch):
    profile = serve(wire)
    credential, _ = fill(profile)
    profile.stop()
    given = write(tmp_path / "new.key", ONE)
    assert rotate_master_key.main(["--new-key-file", str(given)]) == 0
    assert master.load(home / "master.key").key == ONE.key
    monkeypatch.setenv("VAHANA_NEW_MASTER_KEY", text(TWO))
    assert rotate_master_key.main([]) == 0
    assert master.load(home / "master.key").key == TWO.key
    assert master.load(home / f"master.key.{ONE.key_id}.old").key == ONE.key
    assert opens(url, TWO, credential)


def test_a_key_in_the_environment_is_changed(serve, home, url, monkeypatch, capsys):
    profile = serve(wire, master_key=text(ONE))
    credential, _ = fill(profile)
    profile.stop()
    assert rotate_master_key.main([]) == 78
    assert "VAHANA_NEW_MASTER_KEY" in capsys.readouterr().err
    monkeypatch.setenv("VAHANA_NEW_MASTER_KEY", text(TWO))
    assert rotate_master_key.main([]) == 0
    assert opens(url, TWO, credential)
    assert rotate_master_key.main([]) == 0
    assert not list(home.glob("master.key*"))
    serve(wire, master_key=text(TWO)).stop()


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def cut_short(monkeypatch, cut):
    """Change the key and be killed at this point."""
    calls = []

    def killed(*given):
        calls.append(given)
        if cut != "within the transaction" or len(calls) == 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(CUTS[cut], killed)
        with pytest.raises(Killed):
            rotate_master_key.main([])


CUTS = {
    "before the transaction": "services.profile.rotate_master_key.rewrap_all",
    "within the transaction": "services.profile.storage.sealed.rewrap",
    "before the files": "services.profile.vault.master.promote",
    "between the files": "pathlib.Path.replace",
}


@pytest.mark.parametrize("finish", ["profile", "command"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_change_cut_short_anywhere_is_finished_or_undone(serve, home, url, monkeypatch, cut, finish):
    profile = serve(wire)
    credential, token = fill(profile)
    profile.stop()
    cut_short(monkeypatch, cut)
    if finish == "command":
        assert rotate_master_key.main([]) == 0
    assert make_token(serve(wire)) == token
    present = master.load(home / "master.key")
    assert ids(url) == {present.key_id}
    assert opens(url, present, credential)


def test_another_key_waits_until_a_change_cut_short_is_finished(serve, home, tmp_path, monkeypatch, capsys):
    profile = serve(wire)
    fill(profile)
    profile.stop()
    cut_short(monkeypatch, "before the files")
    given = str(write(tmp_path / "new.key", ONE))
    assert rotate_master_key.main(["--new-key-file", given]) == 78
    assert "finish it" in capsys.readouterr().err
    assert rotate_master_key.main([]) == 0
    assert rotate_master_key.main(["--new-key-file", given]) == 0
    assert master.load(home / "master.key").key == ONE.key


def test_a_next_key_that_nothing_uses_yields_to_the_one_given(serve, home, tmp_path):
    serve(wire).stop()
    write(home / "master.key.new", TWO)
    assert rotate_master_key.main(["--new-key-file", str(write(tmp_path / "new.key", ONE))]) == 0
    assert master.load(home / "master.key").key == ONE.key


def test_it_refuses_beside_a_running_profile(serve, home, capsys):
    serve(wire)
    before = (home / "master.key").read_bytes()
    with pytest.raises(SystemExit) as ended:
        rotate_master_key.main([])
    assert ended.value.code == 75
    assert "is held by process" in capsys.readouterr().err
    assert (home / "master.key").read_bytes() == before
    assert not (home / "master.key.new").exists()


def test_a_row_tampered_with_stops_it_and_nothing_is_changed(serve, home, url, capsys):
    profile = serve(wire)
    credential, _ = fill(profile)
    with profile.chassis.db.write() as tx:
        tx.execute(update(credential_table).values(wrapped_data_key=b"x" * 60))
    profile.stop()
    old = master.load(home / "master.key")
    assert rotate_master_key.main([]) == 78
    said = capsys.readouterr().err
    assert credential.credential_id in said
    assert "nothing was changed" in said
    assert ids(url) == {old.key_id}
    assert master.load(home / "master.key").key == old.key


def test_a_wrong_old_or_new_key_is_refused(serve, home, url, tmp_path, capsys):
    profile = serve(wire)
    fill(profile)
    profile.stop()
    content = (home / "master.key").read_bytes()
    for wrong in (home / "master.key", tmp_path / "absent"):
        assert rotate_master_key.main(["--new-key-file", str(wrong)]) == 78
    write(home / "master.key", ONE)
    assert rotate_master_key.main([]) == 78
    assert ONE.key_id in capsys.readouterr().err
    (home / "master.key").write_bytes(content)
    (home / "master.key.new").unlink()
    assert rotate_master_key.main([]) == 0


def test_it_makes_no_database(serve, home, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("VAHANA_HOME", str(tmp_path / "elsewhere"))
    assert rotate_master_key.main([]) == 78
    assert "there is no database" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()


def test_a_bad_setting_is_told_without_its_value(monkeypatch, capsys):
    monkeypatch.setenv("VAHANA_COMMIT_BATCH", "hunter2")
    assert rotate_master_key.main([]) == 78
    assert "hunter2" not in capsys.readouterr().err


def test_its_help_says_what_it_does():
    command = [sys.executable, "-m", "services.profile.rotate_master_key", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for word in ("Stop profile first", "VAHANA_NEW_MASTER_KEY", "master.key.{id}.old", "Exit codes"):
        assert word in said


def test_the_same_on_either_database(serve, home, database_url):
    profile = serve(wire, database_url=database_url)
    credential, token = fill(profile)
    profile.stop()
    assert rotate_master_key.main([]) == 0
    new = master.load(home / "master.key")
    assert ids(database_url) == {new.key_id}
    assert opens(database_url, new, credential)
    assert make_token(serve(wire, database_url=database_url)) == token


def test_two_tenants_sealed_rows_exchanged_do_not_open(profile, credential, other_tenant):
    ours, theirs = credential("ours"), credential("theirs", who="other")
    parts = ("master_key_id", "wrapped_data_key", "ciphertext")
    with profile.chassis.db.write() as tx:
        rows = {row.credential_id: row._asdict() for row in tx.execute(select(credential_table))}
        for one, other in ((ours, theirs), (theirs, ours)):
            values = {part: rows[other.credential_id][part] for part in parts}
            tx.execute(
                update(credential_table).where(credential_table.c.credential_id == one.credential_id).values(values)
            )
    key = master.load(profile.chassis.settings.master_key_file)
    with profile.chassis.db.read() as tx:
        for tenant, one in (("default", ours), ("other", theirs)):
            _, sealed_key = storage.find_sealed(tx, tenant, one.credential_id)
            with pytest.raises(seal.SealBroken):
                seal.unseal(key, tenant, one.credential_id, sealed_key)


def test_a_row_that_went_to_another_tenant_with_its_id_does_not_open(profile, credential, other_tenant):
    """Not even where everything of the row but its tenant is kept."""
    ours = credential("ours")
    with profile.chassis.db.write() as tx:
        tx.execute(update(credential_table).values(tenant="other"))
        _, sealed_key = storage.find_sealed(tx, "other", ours.credential_id)
    key = master.load(profile.chassis.settings.master_key_file)
    with pytest.raises(seal.SealBroken):
        seal.unseal(key, "other", ours.credential_id, sealed_key)
    assert seal.unseal(key, "default", ours.credential_id, sealed_key)
