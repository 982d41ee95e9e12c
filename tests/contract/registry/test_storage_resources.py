"""StorageResourceService over gRPC."""

import grpc
import pytest

from vahana.registry.v1 import storage_resource_pb2
from vahana.registry.v1.storage_resource_pb2 import (
    CreateStorageResourceRequest,
    GetStorageResourceRequest,
    ListStorageResourcesRequest,
)

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def create(stub, resource, request_id=""):
    request = CreateStorageResourceRequest(storage_resource=resource, request_id=request_id)
    return stub.CreateStorageResource(request).storage_resource


def test_a_place_is_stored_as_sent_and_found_again(places, place):
    sent = place(description="old data")
    stored = create(places("admin"), sent)
    assert stored.create_time.seconds > 0
    assert stored.revision == 1
    found = places("user").GetStorageResource(GetStorageResourceRequest(name="archive")).storage_resource
    assert found == stored
    stored.ClearField("create_time")
    stored.ClearField("revision")
    assert stored == sent


@pytest.mark.parametrize(
    "change",
    [
        {"type": storage_resource_pb2.STORAGE_TYPE_SFTP, "location": "ftp://host/data", "credential_id": "cred-1"},
        {"location": "https://user:hunter2@archive.example/data"},
        {"type": storage_resource_pb2.STORAGE_TYPE_LOCAL, "location": "/etc"},
        {"location": ""},
    ],
)
def test_a_location_that_does_not_fit_its_type_is_refused(places, place, refused, change):
    with refused(*INVALID) as told:
        create(places("admin"), place(**change))
    assert set(told.fields) == {"storage_resource.location"}
    assert "hunter2" not in told.message


def test_a_tenant_has_local_storage_under_its_own_directory(places, place, refused, tmp_path):
    local = storage_resource_pb2.STORAGE_TYPE_LOCAL
    own = str(tmp_path / "storage" / "default" / "data")
    assert create(places("admin"), place(type=local, location=own)).location == own
    with refused(*INVALID) as told:
        create(places("other"), place(type=local, location=own))
    assert set(told.fields) == {"storage_resource.location"}


def test_a_type_not_known_is_refused(places, place, refused):
    for number in (0, 99):
        with refused(*INVALID) as told:
            create(places("admin"), place(type=number))
        assert set(told.fields) == {"storage_resource.type"}


def test_a_taken_name_is_refused(places, place, refused):
    create(places("admin"), place())
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(places("admin"), place())


def test_a_repeat_gets_the_first_answer_and_a_reused_id_is_refused(places, place, refused):
    first = create(places("admin"), place(), "r-1")
    assert create(places("admin"), place(), "r-1") == first
    with refused(grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED"):
        create(places("admin"), place(name="another"), "r-1")


def test_only_an_administrator_registers(places, place, refused):
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        create(places("user"), place())


def test_another_tenant_sees_nothing(places, place, refused):
    create(places("admin"), place())
    with refused(*NOT_FOUND):
        places("other").GetStorageResource(GetStorageResourceRequest(name="archive"))
    assert not places("other").ListStorageResources(ListStorageResourcesRequest()).storage_resources


def test_nobody_is_refused(places, place, refused):
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        create(places(""), place())
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        places("").GetStorageResource(GetStorageResourceRequest(name="archive"))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"):
        places("stranger").ListStorageResources(ListStorageResourcesRequest())


def test_a_list_is_paged_by_name(places, place, refused):
    names = [f"place-{number}" for number in range(3)]
    for name in reversed(names):
        create(places("admin"), place(name=name))
    first = places("user").ListStorageResources(ListStorageResourcesRequest(page_size=2))
    last = places("user").ListStorageResources(
        ListStorageResourcesRequest(page_size=2, page_token=first.next_page_token)
    )
    assert [one.name for page in (first, last) for one in page.storage_resources] == names
    assert last.next_page_token == ""
    with refused(*INVALID) as told:
        places("user").ListStorageResources(ListStorageResourcesRequest(page_token="nonsense"))
    assert set(told.fields) == {"page_token"}
