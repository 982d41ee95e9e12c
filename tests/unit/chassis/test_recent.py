"""The bounded memory."""

from services.chassis.recent import Recent


def test_values_are_good_until_their_time():
    now = [0.0]
    recent = Recent(10, lambda: now[0])
    recent.put("a", 1, 5.0)
    assert recent.get("a") == 1
    now[0] = 4.9
    assert recent.get("a") == 1
    now[0] = 5.0
    assert recent.get("a") is None
    assert len(recent) == 0


def test_the_one_not_asked_for_the_longest_makes_room():
    recent = Recent(2, lambda: 0.0)
    recent.put("a", 1, 9)
    recent.put("b", 2, 9)
    recent.get("a")
    recent.put("c", 3, 9)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)
    recent.put("c", 4, 9)
    assert (len(recent), recent.get("c")) == (2, 4)


def test_forgetting():
    recent = Recent(2, lambda: 0.0)
    recent.put("a", 1, 9)
    recent.forget("a")
    recent.forget("a")
    recent.put("b", 2, 9)
    recent.clear()
    assert (recent.get("a"), recent.get("b")) == (None, None)
