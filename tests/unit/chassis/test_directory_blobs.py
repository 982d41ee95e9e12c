"""The blob store in a directory."""

import errno
import hashlib
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.blobs.api import CHUNK, StoredBlob
from services.chassis.blobs.directory import DirectoryBlobs
from services.chassis.errors import DigestMismatch, InvalidFields, LimitExceeded, NotFound, Unavailable

LIMIT = 100 * CHUNK


@pytest.fixture
def root(tmp_path):
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root):
    return DirectoryBlobs(root)


def files(root):
    return [path for path in root.rglob("*") if path.is_file()]


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.binary(max_size=50)), st.integers(min_value=0, max_value=200))
def test_what_is_put_comes_back(blobs, chunks, offset):
    content = b"".join(chunks)
    stored = blobs.put("default", chunks, limit=LIMIT)
    assert stored == StoredBlob(sha256(content), len(content))
    assert blobs.stat("default", stored.sha256) == stored
    assert b"".join(blobs.open("default", stored.sha256, offset)) == content[offset:]


def test_large_content_comes_in_chunks(blobs):
    content = os.urandom(2 * CHUNK + 5)
    stored = blobs.put("default", [content], sha256=sha256(content), size=len(content), limit=LIMIT)
    assert [len(chunk) for chunk in blobs.open("default", stored.sha256)] == [CHUNK, CHUNK, 5]


def test_putting_twice_keeps_one_file(blobs, root):
    first = blobs.put("default", [b"content"], limit=LIMIT)
    (path,) = files(root)
    before = path.stat().st_ino
    assert blobs.put("default", [b"con", b"tent"], limit=LIMIT) == first
    assert [each.stat().st_ino for each in files(root)] == [before]


def test_tenants_do_not_see_each_other(blobs):
    stored = blobs.put("one", [b"content"], limit=LIMIT)
    assert blobs.stat("two", stored.sha256) is None
    with pytest.raises(NotFound):
        blobs.open("two", stored.sha256)


def test_an_absent_blob_is_refused_before_anything_is_read(blobs):
    with pytest.raises(NotFound):
        blobs.open("default", "0" * 64)


@pytest.mark.parametrize(
    ("announced", "error"),
    [
        ({"sha256": "0" * 64}, DigestMismatch),
        ({"size": 6}, DigestMismatch),
        ({"size": 8}, DigestMismatch),
        ({"limit": 6}, LimitExceeded),
    ],
)
def test_what_is_refused_leaves_nothing(blobs, root, announced, error):
    with pytest.raises(error):
        blobs.put("default", [b"con", b"tent"], **({"limit": LIMIT} | announced))
    assert files(root) == []


def test_the_limit_itself_is_allowed(blobs):
    assert blobs.put("default", [b"content"], limit=7).size == 7


def test_reading_stops_as_soon_as_the_limit_is_passed(blobs):
    def endless():
        while True:
            yield bytes(1000)

    with pytest.raises(LimitExceeded):
        blobs.put("default", endless(), limit=10_000)


def test_a_broken_upload_leaves_nothing(blobs, root):
    def broken():
        yield b"con"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        blobs.put("default", broken(), limit=LIMIT)
    assert files(root) == []


def test_parts_left_by_a_crash_are_removed_a_day_later(blobs, root):
    blobs.put("default", [b"content"], limit=LIMIT)
    old, young = root / "default" / ".partial-old", root / "default" / ".partial-young"
    old.touch()
    young.touch()
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    DirectoryBlobs(root)
    assert not old.exists()
    assert young.exists()
    assert len(files(root)) == 2


@pytest.mark.parametrize("tenant", ["", "..", "a/b", "/etc", "A", ".hidden", "x" * 80])
def test_a_tenant_cannot_lead_elsewhere(blobs, tenant):
    with pytest.raises(InvalidFields):
        blobs.put(tenant, [b"content"], limit=LIMIT)


@pytest.mark.parametrize("digest", ["", "../" * 20, "A" * 64, "0" * 63])
def test_a_digest_cannot_lead_elsewhere(blobs, digest):
    with pytest.raises(InvalidFields):
        blobs.open("default", digest)
    with pytest.raises(InvalidFields):
        blobs.stat("default", digest)


def test_a_full_store_is_waited_for_and_keeps_nothing(blobs, root, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        blobs.put("default", [b"four"], limit=LIMIT)
    assert files(root) == []


def test_what_is_checked_and_refused_is_not_kept(blobs, root):
    def refuse(stored):
        assert stored == StoredBlob(sha256(b"four"), 4)
        raise DigestMismatch("not what was meant")

    with pytest.raises(DigestMismatch, match="not what was meant"):
        blobs.put("default", [b"fo", b"ur"], limit=LIMIT, check=refuse)
    assert files(root) == []
