"""Updates change what the mask names and nothing else."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from services.chassis import masks
from services.chassis.errors import InvalidFields, StaleRevision
from vahana.registry.v1.compute_resource_pb2 import BatchQueue, ComputeResource

ALLOWED = ("description", "batch_queues", "port", "disabled")


def stored() -> ComputeResource:
    return ComputeResource(name="c", description="old", port=22, disabled=True, batch_queues=[BatchQueue(name="a")])


def test_masked_fields_take_the_place_of_the_stored_ones():
    target = stored()
    source = ComputeResource(name="other", description="new", batch_queues=[BatchQueue(name="b")], address="elsewhere")
    masks.merge(target, source, FieldMask(paths=["description", "batch_queues", "disabled"]), ALLOWED)
    expected = stored()
    expected.description, expected.disabled = "new", False
    expected.batch_queues[0].name = "b"
    assert target == expected
    assert source.address == "elsewhere"


def test_what_no_mask_can_name_is_left_out():
    target, source = stored(), ComputeResource(description="new", batch_queues=[BatchQueue(name="b")])
    beside = b"\xfa\x3f\x04junk"
    source.MergeFromString(beside)
    source.batch_queues[0].MergeFromString(beside)
    masks.merge(target, source, FieldMask(paths=["description", "batch_queues"]), ALLOWED)
    assert b"junk" not in target.SerializeToString()
    assert (target.description, target.batch_queues[0].name) == ("new", "b")
    assert b"junk" in source.SerializeToString()


@pytest.mark.parametrize("paths", [[], ["name"], ["description", "nonsense"], ["batch_queues.name"], ["*"], [""]])
def test_a_mask_that_names_nothing_or_too_much_is_refused(paths):
    target = stored()
    with pytest.raises(InvalidFields) as refused:
        masks.merge(target, ComputeResource(description="new"), FieldMask(paths=paths), ALLOWED)
    assert [each.field for each in refused.value.violations] == ["update_mask"]
    assert target == stored()


def test_only_the_key_of_a_partial_resource_is_checked():
    masks.check_key(ComputeResource(name="c"), "name", prefix="compute_resource")
    with pytest.raises(InvalidFields) as refused:
        masks.check_key(ComputeResource(name="\0"), "name", prefix="compute_resource")
    assert [each.field for each in refused.value.violations] == ["compute_resource.name"]


def test_the_merged_resource_is_checked_whole():
    with pytest.raises(InvalidFields) as refused:
        masks.check_whole(stored(), prefix="compute_resource")
    assert "compute_resource.host_keys" in {each.field for each in refused.value.violations}


def test_revisions():
    masks.check_revision(3, 0)
    masks.check_revision(3, 3)
    with pytest.raises(StaleRevision):
        masks.check_revision(3, 2)
