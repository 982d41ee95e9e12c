"""UserService over gRPC."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from services.profile.__main__ import wire
from vahana.profile.v1.identity_pb2 import ROLE_ADMIN, ROLE_OPERATOR
from vahana.profile.v1.user_pb2 import CreateUserRequest, GetUserRequest, ListUsersRequest, UpdateUserRequest
from vahana.profile.v1.user_pb2_grpc import UserServiceStub

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
LAST = (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")


def update(stub, *paths, **fields):
    return stub.UpdateUser(UpdateUserRequest(update_mask={"paths": paths}, **fields)).user


def create(stub, name="ada", **rest):
    return stub.CreateUser(CreateUserRequest(name=name, **rest)).user


def test_the_first_user_is_there(users):
    first = users("admin").GetUser(GetUserRequest()).user
    assert (first.name, first.roles, first.disabled, first.revision) == ("admin", [ROLE_ADMIN, ROLE_OPERATOR], False, 1)


def test_a_user_is_stored_as_sent(users):
    stored = create(users("admin"), display_name="Ada", email="ada@example.org")
    assert (stored.name, stored.display_name, stored.email) == ("ada", "Ada", "ada@example.org")
    assert stored.create_time.seconds > 0
    assert users("user").GetUser(GetUserRequest()).user == stored
    assert users("user").GetUser(GetUserRequest(name="ada")).user == stored


def test_only_an_administrator_creates(users, refused):
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        create(users("user"), "eve")


def test_a_tenant_must_exist(users, refused):
    with refused(*NOT_FOUND) as told:
        create(users("other"))
    assert "tenant 'other'" in told.message


def test_another_tenant_sees_nothing_and_may_use_the_name(users, other_tenant, refused):
    create(users("admin"))
    with refused(*NOT_FOUND):
        users("other").GetUser(GetUserRequest(name="ada"))
    assert not users("other").ListUsers(ListUsersRequest()).users
    create(users("other"), display_name="Another Ada")
    assert users("user").GetUser(GetUserRequest()).user.display_name == ""


def test_an_unknown_user_is_not_found(users, refused):
    with refused(*NOT_FOUND):
        users("admin").GetUser(GetUserRequest(name="nobody"))
    with refused(*NOT_FOUND):
        users("user").GetUser(GetUserRequest())


def test_a_taken_name_is_refused(users, refused):
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(users("admin"), "admin")


def test_a_malformed_request_is_refused(users, refused):
    with refused(*INVALID) as told:
        create(users("admin"), "two words", email="nowhere", display_name="a\0b")
    assert set(told.fields) == {"name", "email", "display_name"}


def test_a_repeat_gets_the_first_answer_and_a_reused_id_is_refused(users, refused):
    first = create(users("admin"), request_id="r-1")
    assert create(users("admin"), request_id="r-1") == first
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        create(users("admin"), "eve", request_id="r-1")


def test_a_list_is_paged_by_name(users, refused):
    for name in ("c", "b"):
        create(users("admin"), name)
    first = users("user").ListUsers(ListUsersRequest(page_size=2))
    last = users("user").ListUsers(ListUsersRequest(page_size=2, page_token=first.next_page_token))
    assert [one.name for page in (first, last) for one in page.users] == ["admin", "b", "c"]
    assert last.next_page_token == ""
    with refused(*INVALID) as told:
        users("user").ListUsers(ListUsersRequest(page_token="nonsense"))
    assert set(told.fields) == {"page_token"}


def test_a_user_is_made_with_roles(users, calling, refused):
    stored = create(users("admin"), roles=[ROLE_OPERATOR, ROLE_ADMIN, ROLE_ADMIN])
    assert stored.roles == [ROLE_ADMIN, ROLE_OPERATOR]
    assert users("user").GetUser(GetUserRequest()).user == stored
    admin = calling(UserServiceStub, "amy", roles=["admin"])
    assert create(admin, "eve", roles=[ROLE_ADMIN]).roles == [ROLE_ADMIN]
    with refused(*DENIED) as told:
        create(admin, "mallory", roles=[ROLE_ADMIN, ROLE_OPERATOR])
    assert "'operator'" in told.message
    with refused(*INVALID) as told:
        create(admin, "mallory", roles=[0, 77])
    assert set(told.fields) == {"roles[0]", "roles[1]"}


def test_users_change_what_is_theirs(users, refused):
    create(users("admin"), display_name="Ada", email="ada@example.org")
    changed = update(users("user"), "display_name", display_name="Ada L.", email="other@example.org", disabled=True)
    assert (changed.display_name, changed.email, changed.disabled) == ("Ada L.", "ada@example.org", False)
    assert changed.revision == 2
    assert update(users("user"), "email", name="ada").email == ""
    for paths in (["roles"], ["disabled"], ["email", "disabled"]):
        with refused(*DENIED):
            update(users("user"), *paths, roles=[ROLE_ADMIN])
    with refused(*DENIED):
        update(users("user"), "display_name", name="admin", display_name="x")
    with refused(*NOT_FOUND):
        update(users("user"), "display_name", name="nobody")


def test_administrators_change_others(users):
    create(users("admin"))
    changed = update(users("admin"), "roles", "disabled", "email", name="ada", roles=[ROLE_ADMIN], disabled=True)
    assert (changed.roles, changed.disabled, changed.revision) == ([ROLE_ADMIN], True, 2)
    assert users("admin").GetUser(GetUserRequest(name="ada")).user == changed
    assert update(users("admin"), "roles", name="ada").roles == []


def test_operators_alone_make_and_unmake_operators(users, calling, refused):
    create(users("admin"))
    create(users("admin"), "opal", roles=[ROLE_OPERATOR])
    admin = calling(UserServiceStub, "amy", roles=["admin"])
    operator = calling(UserServiceStub, "oscar", roles=["operator"])
    for stub, name, paths, fields in (
        (admin, "ada", ["roles"], {"roles": [ROLE_OPERATOR]}),
        (admin, "opal", ["roles"], {"roles": [ROLE_ADMIN]}),
        (admin, "opal", ["disabled"], {"disabled": True}),
        (operator, "ada", ["roles"], {"roles": [ROLE_OPERATOR]}),
        (operator, "ada", ["email"], {}),
    ):
        with refused(*DENIED):
            update(stub, *paths, name=name, **fields)
    assert update(admin, "display_name", "roles", name="opal", roles=[ROLE_OPERATOR]).roles == [ROLE_OPERATOR]
    assert update(admin, "roles", name="opal", roles=[ROLE_OPERATOR, ROLE_ADMIN]).revision == 3
    assert update(users("admin"), "roles", name="opal").roles == []


@pytest.mark.parametrize(
    ("paths", "fields"), [(["roles"], {"roles": [ROLE_OPERATOR]}), (["disabled"], {"disabled": True})]
)
def test_the_last_administrator_stays(users, refused, paths, fields):
    with refused(*LAST) as told:
        update(users("admin"), *paths, **fields)
    assert "make another one first" in told.message
    create(users("admin"), roles=[ROLE_ADMIN, ROLE_OPERATOR], name="ada")
    update(users("admin"), "disabled", name="ada", disabled=True)
    with refused(*LAST):
        update(users("admin"), *paths, **fields)
    update(users("admin"), "disabled", name="ada")
    assert not update(users("admin"), *paths, **fields).disabled or paths == ["disabled"]
    assert update(users("admin"), "display_name", display_name="x").display_name == "x"


def test_two_administrators_cannot_shut_each_other_out_at_once(serve, database_url):
    """Each would leave the other: on PostgreSQL only the tenant's lock keeps both from going."""
    stub = serve(wire, database_url=database_url).stub(UserServiceStub, "admin")

    def outcome(name):
        try:
            update(stub, "disabled", name=name, disabled=True)
        except grpc.RpcError as error:
            return error.code()
        return None

    create(stub, "amy", roles=[ROLE_ADMIN, ROLE_OPERATOR])
    for _ in range(10):
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(outcome, ["admin", "amy"]))
        assert sorted(outcomes, key=str) == [None, LAST[0]]
        for name in ("admin", "amy"):
            update(stub, "disabled", name=name)


def test_a_service_with_a_user_s_name_is_not_that_user(users, refused):
    create(users("admin"), "executor")
    with refused(*DENIED):
        update(users("executor", "default"), "email", name="executor")


def test_another_tenant_changes_nothing(users, other_tenant, refused):
    create(users("admin"))
    with refused(*NOT_FOUND):
        update(users("other"), "disabled", name="ada", disabled=True)


def test_a_stale_revision_is_refused(users, refused):
    create(users("admin"))
    update(users("admin"), "email", name="ada", email="a@example.org", revision=1)
    with refused(grpc.StatusCode.ABORTED, "STALE_REVISION"):
        update(users("admin"), "email", name="ada", revision=1)
    assert users("user").GetUser(GetUserRequest()).user.email == "a@example.org"


@pytest.mark.parametrize("paths", [[], ["name"], ["roles.x"], ["revision", "email"]])
def test_a_mask_of_what_cannot_be_changed_is_refused(users, refused, paths):
    with refused(*INVALID) as told:
        update(users("admin"), *paths)
    assert set(told.fields) == {"update_mask"}


def test_nobody_is_refused(users, refused):
    stub = users("")
    for call in (
        lambda: create(stub),
        lambda: stub.GetUser(GetUserRequest()),
        lambda: stub.ListUsers(ListUsersRequest()),
        lambda: update(stub, "email"),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()
