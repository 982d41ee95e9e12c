"""StorageResourceService over gRPC: changing places, and taking them off."""

import grpc
import pytest

from vahana.event.v1 import sync_pb2
from vahana.registry.v1 import storage_resource_pb2
from vahana.registry.v1.storage_resource_pb2 import (
    CreateStorageResourceRequest,
    DeleteStorageResourceRequest,
    GetStorageResourceRequest,
    StorageResource,
    UpdateStorageResourceRequest,
)

INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
STALE = (grpc.StatusCode.ABORTED, "STALE_REVISION")


@pytest.fixture
def stored(places, place):
    """A place that is registered."""
    request = CreateStorageResourceRequest(storage_resource=place(description="old"))
    return places("admin").CreateStorageResource(request).storage_resource


def update(stub, *paths, revision=0, **changes):
    request = UpdateStorageResourceRequest(
        storage_resource={"name": "archive", **changes},
        update_mask={"paths": paths or list(changes)},
        revision=revision,
    )
    return stub.UpdateStorageResource(request).storage_resource


def delete(stub, revision=0):
    stub.DeleteStorageResource(DeleteStorageResourceRequest(name="archive", revision=revision))


def get(stub):
    return stub.GetStorageResource(GetStorageResourceRequest(name="archive")).storage_resource


def told_of(published):
    return published(sync_pb2.ENTITY_KIND_STORAGE_RESOURCE, "archive", StorageResource)


def test_only_what_the_mask_names_changes(places, stored, published):
    assert told_of(published) == stored
    after = update(places("admin"), "location", location="https://new.example/data", description="ignored")
    assert (after.location, after.description, after.revision) == ("https://new.example/data", "old", 2)
    assert (after.create_time, after.type) == (stored.create_time, stored.type)
    assert get(places("user")) == told_of(published) == after


def test_the_merged_place_keeps_every_rule(places, stored, refused):
    with refused(*INVALID) as told:
        update(places("admin"), type=storage_resource_pb2.STORAGE_TYPE_S3)
    assert set(told.fields) == {"storage_resource.location"}
    with refused(*INVALID) as told:
        update(places("admin"), "type", "location")
    assert set(told.fields) == {"storage_resource.type", "storage_resource.location"}
    with refused(*INVALID) as told:
        update(places("admin"), "name")
    assert set(told.fields) == {"update_mask"}
    with refused(*INVALID) as told:
        update(places("admin"), location="https://user:hunter2@archive.example/data")
    assert "hunter2" not in told.message
    assert get(places("user")) == stored


def test_local_storage_stays_under_the_tenants_own_directory(places, stored, refused, tmp_path):
    local = storage_resource_pb2.STORAGE_TYPE_LOCAL
    with refused(*INVALID):
        update(places("admin"), type=local, location=str(tmp_path / "storage" / "other"))
    assert update(places("admin"), type=local, location=str(tmp_path / "storage" / "default")).type == local


def test_a_stale_revision_changes_nothing(places, stored, refused):
    update(places("admin"), revision=1, description="first")
    with refused(*STALE):
        update(places("admin"), revision=1, description="second")
    with refused(*STALE):
        delete(places("admin"), revision=1)
    assert get(places("user")).description == "first"


def test_a_place_is_taken_off(places, place, stored, refused, published):
    delete(places("admin"), revision=1)
    assert told_of(published) is None
    for call in (lambda: get(places("user")), lambda: delete(places("admin")), lambda: update(places("admin"), "type")):
        with refused(*NOT_FOUND):
            call()
    places("admin").CreateStorageResource(CreateStorageResourceRequest(storage_resource=place()))
    assert get(places("user")).revision > stored.revision
    with refused(*STALE):
        delete(places("admin"), revision=stored.revision)


def test_only_an_administrator_of_the_tenant_changes(places, stored, refused):
    for who, how in (("user", (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")), ("other", NOT_FOUND)):
        with refused(*how):
            update(places(who), description="x")
        with refused(*how):
            delete(places(who))
