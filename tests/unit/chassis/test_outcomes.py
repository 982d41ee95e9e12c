"""What became of messages is counted by consumer, topic and outcome, and told when it changed."""

import threading

from structlog.testing import capture_logs

from services.chassis.outcomes import FOREIGN_TENANT, HANDLED, PARKED, Outcomes


def test_a_batch_is_handled_but_for_what_was_set_aside():
    outcomes = Outcomes()
    outcomes.count_batch("c", {"a": 5, "b": 1}, {("a", FOREIGN_TENANT): 2, ("b", FOREIGN_TENANT): 1, ("a", PARKED): 0})
    outcomes.count_batch("c", {"a": 1}, None)
    assert outcomes.snapshot() == {
        ("c", "a", HANDLED): 4,
        ("c", "a", FOREIGN_TENANT): 2,
        ("c", "b", FOREIGN_TENANT): 1,
    }


def test_threads_lose_no_count():
    outcomes = Outcomes()

    def count():
        for _ in range(2_000):
            outcomes.count("c", "a", HANDLED)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.snapshot() == {("c", "a", HANDLED): 16_000}


def test_counts_are_told_where_they_changed_and_at_the_end():
    outcomes, stop = Outcomes(), threading.Event()
    stop.set()
    with capture_logs() as logs:
        outcomes.run(stop)
        outcomes.count("c", "a", PARKED, 3)
        outcomes.run(stop)
        outcomes.run(stop)
    assert [each["counts"] for each in logs] == [[{"consumer": "c", "topic": "a", "outcome": PARKED, "count": 3}]]
