"""A master key that is not there: refused, and gone on without where that is asked for."""

import base64
import json

import grpc
import pytest
from sqlalchemy import delete, select

from services.chassis.db import Database
from services.profile.__main__ import wire
from services.profile.handlers.opening import open_vault
from services.profile.schema import api_token_answer, credential, metadata, signing_key
from services.profile.vault import master
from services.profile.vault.master import MasterKeyError
from vahana.profile.v1.credential_pb2 import (
    CREDENTIAL_ACTION_DELETED,
    CreateCredentialRequest,
    ListCredentialsRequest,
    ListCredentialUsesRequest,
)
from vahana.profile.v1.credential_pb2_grpc import CredentialServiceStub
from vahana.profile.v1.token_pb2 import CreateApiTokenRequest
from vahana.profile.v1.token_pb2_grpc import ApiTokenServiceStub

SEALED = (signing_key, api_token_answer, credential)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "home" / "master.key"


@pytest.fixture
def db(profile):
    """The database of a profile that is stopped, with something in every table of sealed things."""
    make_token(profile)
    profile.stub(CredentialServiceStub, "user").CreateCredential(CreateCredentialRequest(name="key"))
    profile.stop()
    db = Database(profile.chassis.settings.database_url, metadata)
    yield db
    db.close()


def make_token(profile):
    request = CreateApiTokenRequest(name="laptop", request_id="r-1")
    return profile.stub(ApiTokenServiceStub, "admin").CreateApiToken(request).token


def stored(db):
    with db.read() as tx:
        return {table.name: [tuple(row) for row in tx.execute(select(table))] for table in SEALED}


def lose(file):
    lost = master.load(file).key_id
    file.unlink()
    return lost


@pytest.mark.parametrize("left", SEALED, ids=lambda table: table.name)
def test_no_key_is_made_where_anything_is_sealed(db, file, left):
    with db.write() as tx:
        for table in SEALED:
            if table is not left:
                tx.execute(delete(table))
    before, lost = stored(db), lose(file)
    with pytest.raises(MasterKeyError, match=rf"master key {lost}, and there is no .*master\.key") as told:
        open_vault(db, file)
    for way_out in (str(file), "VAHANA_MASTER_KEY_FILE", f"VAHANA_MASTER_KEY_LOST={lost}"):
        assert way_out in str(told.value)
    assert not file.exists()
    other = master.MasterKey(b"2" * 32)
    master.create(file, other)
    with pytest.raises(MasterKeyError, match=rf"is {other.key_id}: put that key into"):
        open_vault(db, file)
    assert stored(db) == before


def test_a_replica_with_a_key_file_of_its_own_is_not_started(serve, postgres, tmp_path):
    url = postgres.database()
    first = serve(wire, database_url=url)
    keys = stored(first.chassis.db)
    with pytest.raises(MasterKeyError, match="as every replica must"):
        serve(wire, database_url=url, master_key_file=str(tmp_path / "own.key"))
    assert not (tmp_path / "own.key").exists()
    assert stored(first.chassis.db) == keys
    second = serve(wire, database_url=url, master_key_file=str(first.chassis.settings.master_key_file))
    assert stored(second.chassis.db) == keys


def test_what_nobody_can_open_is_deleted_where_that_is_asked_for(serve, db, file, capsys, refused):
    old, lost = stored(db), lose(file)
    profile = serve(wire, master_key_lost=lost)
    new = stored(db)
    assert new["credential"] == new["api_token_answer"] == []
    assert [row[0] for row in new["signing_key"]] != [row[0] for row in old["signing_key"]]
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (each,) = (one for one in said if one["event"] == "credential deleted, its master key is lost")
    assert (each["tenant"], each["name"], each["owner"]) == ("default", "key", "ada")
    (total,) = (one for one in said if one["event"] == "what was sealed with a lost master key is deleted")
    assert total["master_key"] == lost
    assert [total[table.name] for table in SEALED] == [1, 1, 1]
    credentials = profile.stub(CredentialServiceStub, "admin")
    assert not credentials.ListCredentials(ListCredentialsRequest()).credentials
    last = credentials.ListCredentialUses(ListCredentialUsesRequest()).uses[0]
    assert (last.action, last.caller) == (CREDENTIAL_ACTION_DELETED, "profile")
    with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
        make_token(profile)
    again = profile.stub(CredentialServiceStub, "user").CreateCredential(CreateCredentialRequest(name="key")).credential
    assert again.credential_id
    profile.stop()
    kept = stored(db)
    serve(wire, master_key_lost=lost).stop()
    serve(wire, master_key_lost="").stop()
    assert stored(db) == kept


def test_a_key_that_is_there_is_not_lost(db, file):
    before, key = stored(db), master.load(file)
    assert open_vault(db, file, lost="another").key_id == key.key_id
    with pytest.raises(MasterKeyError, match="not lost but in use"):
        open_vault(db, file, lost=key.key_id)
    with pytest.raises(MasterKeyError, match="not lost but in use"):
        open_vault(db, file, base64.b64encode(key.key).decode(), lost=key.key_id)
    file.rename(master.next_file(file))
    with pytest.raises(MasterKeyError, match="not lost but in use"):
        open_vault(db, file, lost=key.key_id)
    assert stored(db) == before
