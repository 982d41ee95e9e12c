from services.registry.domain.text import listed


def test_long_lists_are_cut_with_how_many_are_left():
    assert listed([]) == "none"
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(number) for number in range(12)]).endswith("8, 9 and 2 more")
