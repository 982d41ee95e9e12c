from services.chassis.tally import Tally


def test_whoever_has_nothing_under_way_is_forgotten():
    tally: Tally[str] = Tally()
    tally["ada"] += 2
    tally["bob"] += 0
    tally.less("ada")
    tally.less("bob", 0)
    assert dict(tally) == {"ada": 1}
    tally.less("ada")
    assert dict(tally) == {}
