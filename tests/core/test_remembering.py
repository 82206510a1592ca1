import time
from concurrent.futures import ThreadPoolExecutor

from container_manager_core.remembering import Recent


class SlowKey:
    """Gives the other threads their turn whenever it is looked up."""

    def __hash__(self) -> int:
        time.sleep(0.001)
        return 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SlowKey)


def test_the_oldest_entry_gives_way() -> None:
    recent: Recent[str, int] = Recent(2)
    for number, name in enumerate("abc"):
        recent.put(name, number)
    assert [recent.get(name) for name in "abc"] == [None, 1, 2]
    assert ("a" in recent, "b" in recent) == (False, True)


def test_an_entry_that_is_put_again_is_the_newest_with_its_new_value() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.put("a", 3)
    recent.put("c", 4)
    assert [recent.get(name) for name in "abc"] == [3, None, 4]


def test_reading_makes_no_entry_newer() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert (recent.get("a"), recent.setdefault("a", 5)) == (1, 1)
    recent.put("c", 3)
    assert "a" not in recent


def test_a_default_is_remembered_only_where_nothing_was_known() -> None:
    recent: Recent[str, int] = Recent(2)
    assert [recent.setdefault("a", 1), recent.setdefault("a", 2), recent.setdefault("b", 3)] == [1, 1, 3]
    assert recent.setdefault("c", 4) == 4
    assert "a" not in recent, "a default makes room as anything new does"


def test_what_is_forgotten_is_unknown_and_forgetting_it_again_is_no_error() -> None:
    recent: Recent[str, int] = Recent()
    recent.put("a", 1)
    recent.forget("a")
    recent.forget("a")
    assert recent.get("a") is None


def test_it_is_full_as_soon_as_the_next_entry_makes_one_give_way() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    assert not recent.is_full
    recent.put("b", 2)
    assert recent.is_full


def test_of_many_threads_that_give_a_default_one_wins() -> None:
    recent: Recent[SlowKey, int] = Recent()
    with ThreadPoolExecutor(8) as threads:
        given = set(threads.map(lambda number: recent.setdefault(SlowKey(), number), range(8)))
    assert given == {recent.get(SlowKey())}
