"""Whether the files given as inputs can be staged side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.experiment.domain.arguments import staged_name
from services.experiment.domain.facts import DataType, Interface
from services.experiment.domain.spec import Fault, File, Spec

# While a file travels its name has a suffix, and hosts allow 255 bytes in all.
LONGEST_NAME = 200
MOST_FILES = 10_000


def file_faults(spec: Spec, interface: Interface | None, stored: Mapping[str, int]) -> Iterator[Fault]:
    """Every fault of the files of `spec`: not uploaded, unfit names, names that collide on the compute resource.

    `stored` holds the digests the tenant has uploaded, with their sizes in bytes.
    """
    for index, given in enumerate(spec.inputs):
        for place, file in enumerate(given.files):
            yield from _file_faults(f"spec.inputs[{index}].files[{place}]", file, stored)
    if sum(len(given.files) for given in spec.inputs) > MOST_FILES:
        yield Fault("spec.inputs", f"hold more than {MOST_FILES} files: pack them into archives")
    if interface is not None:
        yield from _collisions(spec, interface)


def _file_faults(field: str, file: File, stored: Mapping[str, int]) -> Iterator[Fault]:
    if file.sha256 not in stored:
        yield Fault(f"{field}.sha256", f"no file with the digest {file.sha256} was uploaded: upload it first")
    if file.file_name in (".", ".."):
        yield Fault(f"{field}.file_name", f"{file.file_name!r} names a directory: give the file a name")
    elif len(file.file_name.encode()) > LONGEST_NAME:
        yield Fault(f"{field}.file_name", f"is longer than {LONGEST_NAME} bytes: give the file a shorter name")


def _collisions(spec: Spec, interface: Interface) -> Iterator[Fault]:
    definitions = {each.name: each for each in interface.inputs}
    taken: dict[str, str] = {}
    for given in spec.inputs:
        definition = definitions.get(given.name)
        if definition is not None and definition.type is DataType.URI_COLLECTION and given.files:
            taken.setdefault(given.name, f"the directory of the input {given.name!r}")
    for index, given in enumerate(spec.inputs):
        definition = definitions.get(given.name)
        if definition is None or not definition.type.takes_files:
            continue
        for place, file in enumerate(given.files):
            field = f"spec.inputs[{index}].files[{place}].file_name"
            path = staged_name(definition, file.file_name)
            if path in taken:
                yield Fault(
                    field, f"{file.file_name!r} is already the name of {taken[path]}: give each file its own name"
                )
            taken.setdefault(path, field.removesuffix(".file_name"))
