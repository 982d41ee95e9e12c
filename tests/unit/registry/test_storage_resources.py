import pytest

from services.registry.domain.storage_resources import StorageResource, StorageType, violations

ROOT = "/srv/vahana/default"


def fields(kind, location, credential_id="", root=ROOT):
    resource = StorageResource("archive", StorageType(kind), location, credential_id)
    return [one.field for one in violations(resource, root)]


@pytest.mark.parametrize(
    ("kind", "location", "credential_id"),
    [
        ("LOCAL", ROOT, ""),
        ("LOCAL", f"{ROOT}/data", ""),
        ("SFTP", "sftp://host/data", "cred-1"),
        ("SFTP", "sftp://ada@host:2222/data", "cred-1"),
        ("SFTP", "sftp://[::1]:22/data", "cred-1"),
        ("HTTP", "https://host/data", ""),
        ("HTTP", "http://host", "cred-1"),
        ("S3", "s3://bucket/prefix", ""),
        ("S3", "s3://my.bucket-1", "cred-1"),
    ],
)
def test_a_location_that_fits_its_type(kind, location, credential_id):
    assert fields(kind, location, credential_id) == []


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        ("LOCAL", "/etc"),
        ("LOCAL", f"{ROOT}-of-another"),
        ("LOCAL", f"{ROOT}/../other"),
        ("LOCAL", "data"),
        ("LOCAL", f"file://{ROOT}"),
        ("HTTP", "/data"),
        ("HTTP", "ftp://host/data"),
        ("HTTP", "https://"),
        ("HTTP", "https:///data"),
        ("HTTP", "https://host:70000/data"),
        ("HTTP", "https://host:0/data"),
        ("HTTP", "https://[::1/data"),
        ("HTTP", "https://ada@host/data"),
        ("HTTP", "https://host/data?token=secret"),
        ("HTTP", "https://host/data#part"),
        ("HTTP", "https://host/a/../b"),
        ("HTTP", "https://host/a b"),
        ("HTTP", "https://host/a\nb"),
        ("S3", "https://bucket/prefix"),
        ("S3", "s3://Bucket/prefix"),
        ("S3", "s3://bucket:80/prefix"),
        ("S3", "s3://b"),
    ],
)
def test_a_location_that_does_not_fit_its_type(kind, location):
    assert fields(kind, location) == ["location"]


def test_no_fault_repeats_a_password():
    resource = StorageResource("archive", StorageType.HTTP, "https://ada:hunter2@host/data")
    (told,) = violations(resource, ROOT)
    assert "credential" in told.fault
    assert "hunter2" not in told.fault


def test_local_storage_is_off_until_an_administrator_gives_a_root():
    resource = StorageResource("archive", StorageType.LOCAL, "/data")
    (told,) = violations(resource, "")
    assert "VAHANA_LOCAL_STORAGE_ROOT" in told.fault


def test_a_credential_is_named_where_one_is_needed_and_only_there():
    assert fields("SFTP", "sftp://host/data") == ["credential_id"]
    assert fields("LOCAL", ROOT, "cred-1") == ["credential_id"]
