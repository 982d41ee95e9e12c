"""ApiTokenService over gRPC."""

import hashlib
import logging
import re

import grpc
import pytest
from sqlalchemy import delete, select, update

from services.profile.__main__ import wire
from services.profile.domain.tokens import MOST_ENDED, MOST_LIVE
from services.profile.schema import api_token, api_token_answer
from services.profile.storage import tokens as storage
from vahana.profile.v1.identity_pb2 import ROLE_ADMIN, ROLE_OPERATOR
from vahana.profile.v1.token_pb2 import (
    CreateApiTokenRequest,
    GetApiTokenRequest,
    ListApiTokensRequest,
    RevokeApiTokenRequest,
)
from vahana.profile.v1.token_pb2_grpc import ApiTokenServiceStub

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
TAKEN = (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
DAY = 24 * 3600


@pytest.fixture
def ada(user, tokens):
    """The stub of a stored user without roles."""
    user()
    return tokens("user")


def create(stub, name="laptop", **asked):
    return stub.CreateApiToken(CreateApiTokenRequest(name=name, **asked))


def ids(stub, **asked):
    return [one.token_id for one in stub.ListApiTokens(ListApiTokensRequest(**asked)).api_tokens]


def test_a_token_is_made_and_its_digest_stored(ada, profile):
    made = create(ada)
    token = made.api_token
    assert (token.name, token.user, token.scopes) == ("laptop", "ada", ["*"])
    assert token.expire_time.seconds - token.create_time.seconds == 90 * DAY
    assert not token.HasField("revoke_time")
    assert not token.HasField("last_use_time")
    assert re.fullmatch(rf"vht_{token.token_id}_[0-9a-f]{{64}}", made.token)
    with profile.chassis.db.read() as tx:
        stored = storage.find_by_id(tx, token.token_id)
    assert (stored.tenant, stored.user, stored.scopes) == ("default", "ada", frozenset("*"))
    assert stored.digest == hashlib.sha256(made.token.encode()).digest()
    assert stored.made_from(made.token)
    assert not stored.made_from(made.token[:-1])
    assert ada.GetApiToken(GetApiTokenRequest(token_id=token.token_id)).api_token == token


def test_scopes_and_lifetime_are_as_asked(ada, refused):
    token = create(ada, scopes=["registry:read", "experiment:write"], lifetime={"seconds": 60}).api_token
    assert token.scopes == ["experiment:write", "registry:read"]
    assert token.expire_time.seconds - token.create_time.seconds == 60
    create(ada, "longest", lifetime={"seconds": 366 * DAY})
    for lifetime in ({"seconds": 366 * DAY + 1}, {"seconds": 0}, {"nanos": 999}, {"seconds": -1}, {"seconds": 2**62}):
        with refused(*INVALID) as told:
            create(ada, "other", lifetime=lifetime)
        assert set(told.fields) == {"lifetime"}
    with refused(*INVALID) as told:
        create(ada, "other", scopes=["registry:read", "registry:delete", "eventsink:read"])
    assert set(told.fields) == {"scopes[1]", "scopes[2]"}


def test_nobody_gives_what_is_not_theirs(ada, calling, refused):
    narrow = calling(ApiTokenServiceStub, "ada", scopes=["profile:write", "registry:read"])
    assert create(narrow, "a").api_token.scopes == ["profile:write", "registry:read"]
    assert create(narrow, "b", scopes=["profile:read"]).api_token.scopes == ["profile:read"]
    for scope in ("*", "registry:write", "experiment:read"):
        with refused(*DENIED) as told:
            create(narrow, "c", scopes=["profile:read", scope])
        assert repr(scope) in told.message


def test_a_repeat_by_a_narrower_token_gets_no_wider_one(ada, calling, refused):
    wide = create(ada, request_id="r-1")
    assert wide.api_token.scopes == ["*"]
    narrow = calling(ApiTokenServiceStub, "ada", scopes=["profile:write"])
    with refused(*DENIED) as told:
        create(narrow, request_id="r-1")
    assert "'*'" in told.message
    own = create(narrow, "own", request_id="r-2")
    assert own.api_token.scopes == ["profile:write"]
    assert create(narrow, "own", request_id="r-2") == own
    assert create(ada, "own", request_id="r-2") == own


def test_a_repeat_with_fewer_roles_gets_no_token_with_more(tokens, calling, refused):
    create(tokens("admin"), request_id="r-1")
    with refused(*DENIED) as told:
        create(calling(ApiTokenServiceStub, "admin", roles=["admin"]), request_id="r-1")
    assert "'operator'" in told.message


def test_a_token_for_somebody_else_is_an_administrator_s_to_make(ada, tokens, refused):
    made = create(tokens("admin"), user="ada")
    assert made.api_token.user == "ada"
    with refused(*DENIED):
        create(ada, user="admin")
    with refused(*NOT_FOUND):
        create(tokens("admin"), user="nobody")
    with refused(*DENIED):
        create(tokens("executor", "default"))


def test_nobody_comes_by_a_role_through_another_s_token(user, calling, refused):
    user("amy", roles=[ROLE_ADMIN])
    amy = calling(ApiTokenServiceStub, "amy", roles=["admin"])
    with refused(*DENIED) as told:
        create(amy, user="admin")
    assert "'operator'" in told.message
    assert create(amy).api_token.user == "amy"


def test_a_name_is_taken_while_its_token_lives(ada, tokens, refused):
    first = create(ada).api_token.token_id
    with refused(*TAKEN):
        create(ada)
    create(tokens("admin"))
    ada.RevokeApiToken(RevokeApiTokenRequest(token_id=first))
    assert create(ada).api_token.token_id != first


def test_a_repeat_gets_the_same_token_and_a_reused_id_is_refused(ada, tokens, user, refused):
    first = create(ada, request_id="r-1")
    assert first.token
    assert create(ada, request_id="r-1") == first
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        create(ada, "other", request_id="r-1")
    assert create(tokens("admin"), request_id="r-1").token != first.token


def test_a_token_is_in_no_file_and_no_log(ada, profile, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    made = create(ada, request_id="r-1")
    assert create(ada, request_id="r-1") == made
    plain = create(ada, "other")
    profile.stop()
    said = (capfd.readouterr().err + capfd.readouterr().out + caplog.text).encode()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    for token in (made.token, plain.token):
        secret = token.rpartition("_")[2].encode()
        assert hashlib.sha256(token.encode()).digest() in kept
        assert secret not in kept + said
        assert bytes.fromhex(secret.decode()) not in kept


def test_what_is_remembered_is_forgotten_in_time(ada, profile):
    create(ada, "a", request_id="r-1")
    with profile.chassis.db.write() as tx:
        tx.execute(update(api_token_answer).values(create_time_us=1))
    create(ada, "b", request_id="r-2")
    create(ada, "c")
    with profile.chassis.db.read() as tx:
        assert len(tx.execute(select(api_token_answer)).all()) == 1


def test_a_user_has_so_many(ada, profile, refused):
    made = [create(ada, f"t{number}").api_token.token_id for number in range(MOST_LIVE)]
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        create(ada, "one-more")
    ada.RevokeApiToken(RevokeApiTokenRequest(token_id=made[0]))
    create(ada, "one-more")
    with profile.chassis.db.write() as tx:
        tx.execute(update(api_token).where(api_token.c.name == "one-more").values(expire_time_us=1))
    create(ada, "in-its-place")


def test_of_ended_tokens_the_last_are_kept(ada, profile):
    for number in range(MOST_ENDED + 5):
        made = create(ada, request_id=f"r-{number}").api_token.token_id
        ada.RevokeApiToken(RevokeApiTokenRequest(token_id=made))
    last = create(ada).api_token.token_id
    kept = ids(ada, page_size=1000)
    assert len(kept) == MOST_ENDED + 1
    assert kept[-1] == last
    with profile.chassis.db.read() as tx:
        assert set(tx.execute(select(api_token_answer.c.token_id)).scalars()) == set(kept) - {last}


def test_a_token_is_revoked_once(ada):
    token_id = create(ada).api_token.token_id
    revoked = ada.RevokeApiToken(RevokeApiTokenRequest(token_id=token_id)).api_token
    assert revoked.revoke_time.seconds > 0
    assert ada.RevokeApiToken(RevokeApiTokenRequest(token_id=token_id)).api_token == revoked
    assert ada.GetApiToken(GetApiTokenRequest(token_id=token_id)).api_token == revoked


def test_an_operator_s_token_is_an_operator_s_to_end(user, tokens, calling, refused):
    user("opal", roles=[ROLE_OPERATOR])
    theirs = create(tokens("admin"), user="opal").api_token.token_id
    admin = calling(ApiTokenServiceStub, "amy", roles=["admin"])
    # As a login has it by a provider that no operator vouches for.
    less = calling(ApiTokenServiceStub, "opal")
    for stub in (admin, less):
        with refused(*DENIED) as told:
            stub.RevokeApiToken(RevokeApiTokenRequest(token_id=theirs))
        assert "'operator'" in told.message
    opal = calling(ApiTokenServiceStub, "opal", roles=["operator"])
    assert opal.RevokeApiToken(RevokeApiTokenRequest(token_id=theirs)).api_token.HasField("revoke_time")
    again = create(tokens("admin"), user="opal").api_token.token_id
    assert tokens("admin").RevokeApiToken(RevokeApiTokenRequest(token_id=again)).api_token.HasField("revoke_time")


def test_others_tokens_are_an_administrator_s_to_see(ada, tokens, calling, refused):
    own, admins = create(ada).api_token.token_id, create(tokens("admin")).api_token.token_id
    bob = calling(ApiTokenServiceStub, "bob")
    for call in (
        lambda stub: stub.GetApiToken(GetApiTokenRequest(token_id=own)),
        lambda stub: stub.RevokeApiToken(RevokeApiTokenRequest(token_id=own)),
    ):
        for stub in (bob, tokens("other"), calling(ApiTokenServiceStub, "ada", "other")):
            with refused(*NOT_FOUND):
                call(stub)
        call(tokens("admin"))
    for asked in ({"user": "ada"}, {"all_users": True}):
        with refused(*DENIED):
            ids(bob, **asked)
    assert ids(bob) == []
    assert ids(tokens("other"), all_users=True) == []
    assert ids(ada) == ids(ada, user="ada") == ids(tokens("admin"), user="ada") == [own]
    assert ids(tokens("admin")) == [admins]
    assert ids(tokens("admin"), all_users=True) == [own, admins]


def test_a_list_is_paged_by_id(ada, refused):
    made = sorted(create(ada, f"t{number}").api_token.token_id for number in range(3))
    first = ada.ListApiTokens(ListApiTokensRequest(page_size=2))
    last = ada.ListApiTokens(ListApiTokensRequest(page_size=2, page_token=first.next_page_token))
    assert [one.token_id for page in (first, last) for one in page.api_tokens] == made
    assert last.next_page_token == ""
    with refused(*INVALID) as told:
        ids(ada, page_token="nonsense")
    assert set(told.fields) == {"page_token"}


def test_a_use_is_noted_to_the_minute(ada, profile):
    token_id = create(ada).api_token.token_id
    for time_us in (125_000_000, 119_000_000):
        with profile.chassis.db.write() as tx:
            storage.touch(tx, "default", token_id, time_us)
    used = ada.GetApiToken(GetApiTokenRequest(token_id=token_id)).api_token.last_use_time
    assert used.ToMicroseconds() == 120_000_000


def test_a_malformed_request_is_refused(ada, refused):
    with refused(*INVALID) as told:
        create(ada, "two words", user="\n", scopes=[""])
    assert set(told.fields) == {"name", "user", "scopes[0]"}


def test_two_tokens_moved_between_tenants_are_not_given_out(profile, ada, tokens, other_tenant, user, refused):
    user("olga", who="other")
    create(ada, request_id="r-1")
    create(tokens("other"), request_id="r-1")
    with profile.chassis.db.write() as tx:
        mine, theirs = tx.execute(select(api_token_answer).order_by(api_token_answer.c.tenant)).all()
        tx.execute(delete(api_token_answer))
        for row, taken in ((mine, theirs), (theirs, mine)):
            sealed = {"wrapped_data_key": taken.wrapped_data_key, "ciphertext": taken.ciphertext}
            tx.execute(api_token_answer.insert().values({**row._asdict(), **sealed}))
    for stub in (ada, tokens("other")):
        with refused(grpc.StatusCode.INTERNAL, "DEFECT"):
            create(stub, request_id="r-1")


def test_the_same_on_either_database(serve, database_url):
    stub = serve(wire, database_url=database_url).stub(ApiTokenServiceStub, "admin")
    first = create(stub, request_id="r-1", scopes=["profile:read"])
    assert create(stub, request_id="r-1", scopes=["profile:read"]) == first
    revoked = stub.RevokeApiToken(RevokeApiTokenRequest(token_id=first.api_token.token_id)).api_token
    assert list(stub.ListApiTokens(ListApiTokensRequest(all_users=True)).api_tokens) == [revoked]


def test_nobody_is_refused(tokens, refused):
    stub = tokens("")
    for call in (
        lambda: create(stub),
        lambda: stub.GetApiToken(GetApiTokenRequest(token_id="x")),
        lambda: ids(stub),
        lambda: stub.RevokeApiToken(RevokeApiTokenRequest(token_id="x")),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()
