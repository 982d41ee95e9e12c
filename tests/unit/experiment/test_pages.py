"""How much fits into an answer."""

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from services.experiment.handlers.pages import fitting


@pytest.mark.parametrize(
    ("sizes", "limit", "count"),
    [
        ([], 5, 0),
        ([1, 1, 1], 5, 3),
        ([1, 1, 1], 2, 2),
        ([1_000_000, 1_000_000, 1_000_000], 5, 2),
        ([4_000_000, 1], 5, 1),
        ([1, 4_000_000, 1], 5, 1),
    ],
)
def test_as_many_as_are_asked_for_and_fit(sizes, limit, count):
    assert fitting([BytesValue(value=bytes(size)) for size in sizes], limit) == count
