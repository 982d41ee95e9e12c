"""CredentialService over gRPC: keys are destroyed, and what was done with them stays known."""

import grpc
import pytest
from sqlalchemy import select

from services.profile.__main__ import wire
from services.profile.domain.credentials import Action, Use
from services.profile.schema import credential as credential_table
from services.profile.storage import credentials as storage
from vahana.profile.v1 import credential_pb2 as pb
from vahana.profile.v1.credential_pb2_grpc import CredentialServiceStub

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


def delete(stub, credential):
    stub.DeleteCredential(pb.DeleteCredentialRequest(credential=credential))


def uses(stub, **asked):
    found = stub.ListCredentialUses(pb.ListCredentialUsesRequest(**asked)).uses
    return [(one.credential_id, pb.CredentialAction.Name(one.action).rpartition("_")[2], one.caller) for one in found]


@pytest.mark.parametrize("by", ["name", "credential_id"])
def test_a_key_is_destroyed_and_its_audit_stays(credential, credentials, profile, refused, by):
    stored = credential()
    delete(credentials("user"), getattr(stored, by))
    for call in (
        lambda: credentials("user").GetCredential(pb.GetCredentialRequest(credential=stored.credential_id)),
        lambda: delete(credentials("user"), stored.credential_id),
    ):
        with refused(*NOT_FOUND):
            call()
    with profile.chassis.db.read() as tx:
        assert not tx.execute(select(credential_table)).all()
    assert uses(credentials("user")) == [
        (stored.credential_id, "DELETED", "ada"),
        (stored.credential_id, "GENERATED", "ada"),
    ]
    assert credential().credential_id != stored.credential_id


def test_owner_and_administrators_alone_destroy(credential, credentials, calling, refused):
    credential("one")
    credential("two")
    bob = calling(CredentialServiceStub, "bob")
    with refused(*DENIED) as told:
        delete(bob, "one")
    assert "'ada'" in told.message
    with refused(*DENIED):
        delete(credentials("executor", "default"), "one")
    delete(credentials("user"), "one")
    delete(credentials("admin"), "two")


def test_another_tenant_neither_destroys_nor_sees(credential, credentials, other_tenant, refused):
    stored = credential()
    for asked in ("key", stored.credential_id):
        with refused(*NOT_FOUND):
            delete(credentials("other"), asked)
    assert uses(credentials("other")) == []
    assert uses(credentials("other"), credential_id=stored.credential_id) == []


def test_a_destroyed_key_signs_no_more(credential, credentials, signing, refused):
    stored = credential()
    delete(credentials("user"), "key")
    with refused(*NOT_FOUND):
        signing("executor", "default").GetPublicKey(pb.GetPublicKeyRequest(credential_id=stored.credential_id))


def test_administrators_see_all_uses_and_others_their_own_keys(credential, credentials, calling):
    adas, admins = credential("one").credential_id, credential("two", who="admin").credential_id
    delete(credentials("admin"), "one")
    everything = [(adas, "DELETED", "admin"), (admins, "GENERATED", "admin"), (adas, "GENERATED", "ada")]
    assert uses(credentials("admin")) == everything
    assert uses(credentials("user")) == [everything[0], everything[2]]
    assert uses(calling(CredentialServiceStub, "bob")) == []
    assert uses(credentials("admin"), credential_id=admins) == [everything[1]]
    assert uses(credentials("user"), credential_id=admins) == []
    assert uses(credentials("user"), credential_id="cred-nothing") == []


def test_a_signature_tells_what_it_was_for(credential, credentials, profile):
    stored = credential()
    use = Use(stored.credential_id, "ada", Action.SIGNED, "executor", 5_000_001, "proc-1", "host:22", "ada")
    with profile.chassis.db.write() as tx:
        storage.record(tx, "default", use)
    (line,) = credentials("user").ListCredentialUses(pb.ListCredentialUsesRequest(page_size=1)).uses
    assert line.action == pb.CREDENTIAL_ACTION_SIGNED
    assert (line.caller, line.process_id, line.host, line.login) == ("executor", "proc-1", "host:22", "ada")
    assert line.time.ToMicroseconds() == 5_000_001


def test_the_audit_is_paged_the_latest_first(credential, credentials, refused):
    made = [credential(f"key-{number}").credential_id for number in range(3)]
    stub = credentials("user")
    first = stub.ListCredentialUses(pb.ListCredentialUsesRequest(page_size=2))
    credential("later")
    last = stub.ListCredentialUses(pb.ListCredentialUsesRequest(page_size=2, page_token=first.next_page_token))
    assert [one.credential_id for page in (first, last) for one in page.uses] == made[::-1]
    assert last.next_page_token == ""
    foreign = credentials("user").ListCredentials(pb.ListCredentialsRequest(page_size=1)).next_page_token
    for token in ("nonsense", foreign, "WyItMSJd", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkiXQ"):
        with refused(*INVALID) as told:
            uses(stub, page_token=token)
        assert set(told.fields) == {"page_token"}


def test_the_same_on_either_database(serve, database_url):
    stub = serve(wire, database_url=database_url).stub(CredentialServiceStub, "admin")
    made = stub.CreateCredential(pb.CreateCredentialRequest(name="key")).credential.credential_id
    delete(stub, "key")
    assert uses(stub) == [(made, "DELETED", "admin"), (made, "GENERATED", "admin")]


def test_nobody_is_refused(credentials, refused):
    for call in (lambda: delete(credentials(""), "key"), lambda: uses(credentials(""))):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()
