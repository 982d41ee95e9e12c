"""What the relay is handed at commits, and when it has to read the outbox instead."""

from services.chassis.handover import LARGEST_BATCH, Handover, UnsentRow


def row(number, size=10):
    return UnsentRow(number, "topic", 0, "key", f"m-{number}", b"x" * size)


def ids(rows):
    return None if rows is None else [each.id for each in rows]


def test_the_outbox_is_read_first():
    handover = Handover()
    handover.put([row(1)])
    assert handover.take(10) is None


def test_what_is_committed_after_the_reading_is_handed_over_in_order():
    handover = Handover()
    handover.begin()
    handover.put([row(1), row(2)])
    handover.put([row(3)])
    assert ids(handover.take(2)) == [1, 2]
    assert ids(handover.take(2)) == [3]
    assert ids(handover.take(2)) == []


def test_what_was_read_as_well_is_not_handed_over():
    handover = Handover()
    handover.begin()
    handover.put([row(1), row(2), row(3)])
    handover.read(2)
    assert ids(handover.take(10)) == [3]


def test_after_a_failure_the_outbox_is_read_again():
    handover = Handover()
    handover.begin()
    handover.put([row(1)])
    handover.miss()
    handover.put([row(2)])
    assert handover.take(10) is None


def test_what_is_held_is_bounded():
    handover = Handover()
    handover.begin()
    for number in range(40):
        handover.put([row(number, size=500_000)])
    assert handover.take(1000) is None
    assert not handover._rows


def test_a_batch_is_bounded_in_bytes():
    handover = Handover()
    handover.begin()
    handover.put([row(number, size=LARGEST_BATCH // 4 + 1) for number in range(6)])
    assert ids(handover.take(100)) == [0, 1, 2, 3]
    assert ids(handover.take(100)) == [4, 5]
