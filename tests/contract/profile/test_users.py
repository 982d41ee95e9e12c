"""UserService over gRPC."""

import grpc

from vahana.profile.v1.user_pb2 import CreateUserRequest, GetUserRequest, ListUsersRequest

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def create(stub, name="ada", **rest):
    return stub.CreateUser(CreateUserRequest(name=name, **rest)).user


def test_the_first_user_is_there(users):
    assert users("admin").GetUser(GetUserRequest()).user.name == "admin"


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


def test_nobody_is_refused(users, refused):
    stub = users("")
    for call in (
        lambda: create(stub),
        lambda: stub.GetUser(GetUserRequest()),
        lambda: stub.ListUsers(ListUsersRequest()),
    ):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            call()
