"""Values that are made in one thread while another works on those before."""

import threading
from collections.abc import Iterator

import pytest

from container_manager_core.ahead import ahead

WAIT_SECONDS = 30.0


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 95])
def test_all_values_come_in_their_order_and_only_the_last_list_is_shorter(count: int) -> None:
    lists = list(ahead(iter(range(count)), 10))
    assert [value for some in lists for value in some] == list(range(count))
    assert all(len(some) == 10 for some in lists[:-1])
    assert all(lists)


def test_the_next_list_alone_is_made_while_one_is_worked_on() -> None:
    made: list[int] = []
    begins_second, second_is_made = threading.Event(), threading.Event()

    def values() -> Iterator[int]:
        for number in range(9):
            if number == 3:
                assert begins_second.wait(WAIT_SECONDS)
            if number == 5:
                second_is_made.set()
            made.append(number)
            yield number

    lists = ahead(values(), 3)
    assert next(lists) == [0, 1, 2]
    begins_second.set()
    assert second_is_made.wait(WAIT_SECONDS), "it is made only when it is asked for"
    assert next(lists) == [3, 4, 5]
    assert next(lists) == [6, 7, 8]
    assert list(lists) == []
    assert made == list(range(9))


def test_the_first_list_is_made_by_its_reader_and_a_further_one_by_a_thread() -> None:
    def values() -> Iterator[str]:
        for _ in range(3):
            yield threading.current_thread().name

    own = threading.current_thread().name
    first, second = ahead(values(), 2)
    assert first == [own, own]
    assert own not in second


def test_what_making_a_value_raises_is_raised_where_the_values_are_read() -> None:
    def values() -> Iterator[int]:
        yield from range(4)
        raise ValueError("the fifth")

    lists = ahead(values(), 2)
    assert [next(lists), next(lists)] == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="the fifth"):
        next(lists)


def test_a_reader_that_stops_early_leaves_no_thread() -> None:
    lists = ahead(iter(range(100)), 10)
    next(lists)
    lists.close()  # type: ignore[attr-defined]  # a generator's
    assert not [thread for thread in threading.enumerate() if "ahead" in thread.name]
