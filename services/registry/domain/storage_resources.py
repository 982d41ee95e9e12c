"""A storage resource and its rules."""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from services.registry.domain.text import holds_control, path_fault
from services.registry.domain.violations import Violation

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class StorageType(enum.StrEnum):
    """How a storage resource is reached."""

    LOCAL = "LOCAL"
    SFTP = "SFTP"
    HTTP = "HTTP"
    S3 = "S3"


_FORMS = {
    StorageType.SFTP: (("sftp",), "sftp://host:22/data"),
    StorageType.HTTP: (("http", "https"), "https://host/data"),
    StorageType.S3: (("s3",), "s3://bucket/prefix"),
}


@dataclass(frozen=True)
class StorageResource:
    """A place for inputs and outputs. The fields mean what the proto of the same name says."""

    name: str
    type: StorageType
    location: str
    credential_id: str = ""
    description: str = ""
    create_time_us: int = 0
    revision: int = 0


def violations(resource: StorageResource, local_root: str) -> Iterator[Violation]:
    """Every rule the resource breaks. `local_root` is the directory under which this tenant may have LOCAL storage,
    "" for nowhere. No fault repeats the location: someone may have written a password into it."""
    if resource.type is StorageType.LOCAL:
        fault = _local_fault(resource.location, local_root)
        if resource.credential_id:
            yield Violation("credential_id", "a LOCAL directory is reached without a login: leave it out")
    else:
        fault = _address_fault(resource.type, resource.location)
        if resource.type is StorageType.SFTP and not resource.credential_id:
            yield Violation("credential_id", "SFTP needs a login: name a credential")
    if fault:
        yield Violation("location", fault)


def _local_fault(location: str, root: str) -> str:
    if not root:
        return "LOCAL storage is off: the administrator of the mesh turns it on by VAHANA_LOCAL_STORAGE_ROOT"
    if fault := path_fault(location, absolute=True):
        return f"it {fault}"
    if location != root and not location.startswith(root + "/"):
        return f"it is not under '{root}', where this tenant may have LOCAL storage: choose a directory there"
    return ""


def _address_fault(kind: StorageType, location: str) -> str:
    schemes, form = _FORMS[kind]
    if holds_control(location) or " " in location:
        return "it holds a space or a control character: write spaces as '%20'"
    try:
        address = urlsplit(location)
        port = address.port
    except ValueError:
        return f"it is no address: write it like '{form}'"
    if address.scheme not in schemes or not address.hostname:
        return f"it does not fit the type {kind}: write it like '{form}'"
    if port == 0:
        return "port 0 cannot be reached: name a port from 1 to 65535, or none"
    return _parts_fault(kind, address)


def _parts_fault(kind: StorageType, address: SplitResult) -> str:
    if address.password is not None:
        return "it holds a password: take it out and name a credential"
    if address.username is not None and kind is not StorageType.SFTP:
        return "it holds a user: take it out and name a credential"
    if address.query or address.fragment:
        return "it holds '?' or '#': files are found by their path under it, so leave these out"
    if ".." in address.path.split("/"):
        return "it holds '..': write the path that is meant"
    if kind is StorageType.S3 and not _BUCKET.fullmatch(address.netloc):
        return "its bucket is no bucket name: 3 to 63 lower-case letters, digits, dots and hyphens"
    return ""
