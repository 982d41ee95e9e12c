"""DataService, and the files executors read and write."""

import pytest
import sqlalchemy as sa
from grpc import StatusCode

from services.experiment.storage import files
from tests.contract.experiment.conftest import READS, chunks, digest
from vahana.experiment.v1 import data_pb2, process_pb2

UPLOAD, WRITE = data_pb2.UploadFileRequest, process_pb2.WriteFileRequest
BIG = bytes(range(256)) * 4096 * 2 + b"rest"


def header(content, **changes):
    usual = {"sha256": digest(content), "size": len(content), "file_name": "x.fq"}
    return data_pb2.UploadFileRequest(header=data_pb2.FileHeader(**usual | changes))


def trailer(content, **changes):
    usual = {"sha256": digest(content), "size": len(content)}
    return process_pb2.WriteFileRequest(trailer=data_pb2.FileHeader(**usual | changes))


def kept(home):
    """The files in the store, parts included."""
    return [path for path in (home / "blobs").rglob("*") if path.is_file()]


def write(service, parts, who="executor", tenant="default"):
    return service.processes(who, tenant).WriteFile(iter(parts))


def read(service, sha256, offset=0, who="executor", tenant="default"):
    request = process_pb2.ReadFileRequest(sha256=sha256, offset=offset)
    return b"".join(part.chunk for part in service.processes(who, tenant).ReadFile(request))


def download(service, experiment_id, output, who="user"):
    request = data_pb2.DownloadOutputRequest(experiment_id=experiment_id, output=output)
    first, *rest = service.data(who).DownloadOutput(request)
    return first.header, b"".join(part.chunk for part in rest)


def test_upload_and_stat(bare):
    answer = bare.data().UploadFile(iter([header(BIG), *chunks(BIG, UPLOAD)]))
    assert (answer.sha256, answer.size) == (digest(BIG), len(BIG))
    assert bare.data("admin").StatFile(data_pb2.StatFileRequest(sha256=digest(BIG))).size == len(BIG)
    assert read(bare, digest(BIG)) == BIG


def test_an_upload_again_and_an_empty_one(bare, home):
    assert bare.upload(BIG) == bare.upload(BIG)
    assert bare.data().UploadFile(iter([header(b"")])).size == 0
    assert len(kept(home)) == 2


@pytest.mark.parametrize("changes", [{"sha256": "0" * 64}, {"size": 3}, {"size": 5}])
def test_an_upload_that_is_not_what_it_says(bare, home, refused, changes):
    with refused(StatusCode.DATA_LOSS, "DIGEST_MISMATCH"):
        bare.data().UploadFile(iter([header(b"four", **changes), *chunks(b"four", UPLOAD)]))
    assert kept(home) == []
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        bare.data().StatFile(data_pb2.StatFileRequest(sha256=digest(b"four")))


@pytest.mark.parametrize("size", [6_000_000, 10])
def test_an_upload_over_the_limit(bare, home, refused, size):
    content = b"x" * 6_000_000
    with refused(StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        bare.data().UploadFile(iter([header(content, size=size), *chunks(content, UPLOAD)]))
    assert kept(home) == []


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([], "header"),
        ([*chunks(b"four", UPLOAD), header(b"four")], "header"),
        ([header(b"four"), header(b"four")], "header"),
        ([header(b"four", sha256="x"), *chunks(b"four", UPLOAD)], "header.sha256"),
        ([data_pb2.UploadFileRequest()], "part"),
    ],
)
def test_an_upload_of_another_shape(bare, refused, parts, field):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        bare.data().UploadFile(iter(parts))
    assert set(told.fields) == {field}


def test_what_another_tenant_uploaded_is_not_there(bare, refused):
    sha256 = bare.upload(BIG)
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        bare.data("other").StatFile(data_pb2.StatFileRequest(sha256=sha256))
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        read(bare, sha256, tenant="other")


def test_reading_from_an_offset(bare, refused):
    sha256 = bare.upload(BIG)
    assert read(bare, sha256, offset=len(BIG) - 4) == b"rest"
    assert read(bare, sha256, offset=len(BIG)) == b""
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        read(bare, sha256, offset=len(BIG) + 1)
    assert set(told.fields) == {"offset"}
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        read(bare, "0" * 64)


def test_what_an_executor_writes_can_be_downloaded(service, launched, reports, refused):
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        download(service, launched.experiment_id, "alignment")
    answer = write(service, [*chunks(BIG, WRITE), trailer(BIG)])
    assert (answer.sha256, answer.size) == (digest(BIG), len(BIG))
    service.persist(reports.task("stage-out-alignment", "SCHEDULED"), reports.staged("alignment", BIG, seq=1))
    head, content = download(service, launched.experiment_id, "alignment")
    assert content == BIG
    assert (head.sha256, head.size, head.file_name) == (digest(BIG), len(BIG), "alignment.sam")
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        download(service, launched.experiment_id, "nothing")
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        download(service, launched.experiment_id, "alignment", who="other")


@pytest.mark.parametrize("changes", [{"sha256": "0" * 64}, {"size": 5}])
def test_what_an_executor_writes_wrongly(bare, home, refused, changes):
    with refused(StatusCode.DATA_LOSS, "DIGEST_MISMATCH"):
        write(bare, [*chunks(b"four", WRITE), trailer(b"four", **changes)])
    with refused(StatusCode.NOT_FOUND, "NOT_FOUND"):
        read(bare, digest(b"four"))
    assert kept(home) == []


def test_a_write_without_its_end(bare, home, refused):
    with refused(StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS") as told:
        write(bare, chunks(b"four", WRITE))
    assert set(told.fields) == {"trailer"}
    assert kept(home) == []


def test_a_write_over_the_limit(bare, home, refused):
    with refused(StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"):
        write(bare, chunks(b"x" * 6_000_000, WRITE))
    assert kept(home) == []


@pytest.mark.parametrize("who", ["user", "admin", "scheduler"])
def test_only_executors_read_and_write(bare, refused, who):
    with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        read(bare, digest(READS), who=who, tenant="")
    with refused(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"):
        write(bare, [trailer(b"")], who=who, tenant="")


def test_an_upload_given_up_leaves_nothing(bare, home):
    started = bare.data().UploadFile.future(endless())
    while not kept(home):
        assert not started.done()
    started.cancel()
    while kept(home):
        assert started.done()
    with bare.served.chassis.db.read() as tx:
        assert tx.execute(sa.text("SELECT count(*) FROM file")).scalar_one() == 0


def test_more_files_than_a_statement_has_parameters(bare):
    known = bare.upload(BIG)
    with bare.served.chassis.db.read() as tx:
        assert files.sizes(tx, "default", [*(f"{number:064}" for number in range(40_000)), known]) == {known: len(BIG)}


def endless():
    """An upload that never comes to its end."""
    yield header(b"x" * 4_000_000)
    while True:
        yield data_pb2.UploadFileRequest(chunk=b"x")
