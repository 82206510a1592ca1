"""Values that are made when they are first read."""

from collections.abc import Iterator

from container_manager_core.on_demand import OnDemand


def test_each_is_made_when_it_is_read_first_and_never_again() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(4):
            made.append(number)
            yield number

    values = OnDemand(source())
    assert made == []
    first, second = iter(values), iter(values)
    assert next(first) == 0
    assert made == [0]
    assert [next(second), next(second)] == [0, 1]
    assert next(first) == 1
    assert made == [0, 1]
    assert list(first) == [2, 3]
    assert list(second) == [2, 3]
    assert list(values) == list(values) == made == [0, 1, 2, 3]


def test_of_nothing_nothing_is_made() -> None:
    assert list(OnDemand(())) == []
