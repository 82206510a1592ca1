from collections.abc import Iterator
from pathlib import Path

import pytest

from container_manager_core.clock import VirtualClock
from container_manager_core.store import JobStore
from container_manager_core.store.memory import MemoryStore
from container_manager_core.store.sqlite import SqliteStore
from container_manager_core.testing.case import overrides
from container_manager_core.testing.stores import STORE_CASES, StoreConformance


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def store(self, clock: VirtualClock) -> JobStore:
        return MemoryStore(clock)


class TestSqliteStore(StoreConformance):
    @pytest.fixture
    def store(self, clock: VirtualClock, tmp_path: Path) -> Iterator[JobStore]:
        store = SqliteStore(tmp_path / "jobs.sqlite3", clock)
        yield store
        store.close()

    @pytest.fixture
    def other_store(self, store: JobStore, clock: VirtualClock, tmp_path: Path) -> Iterator[JobStore]:
        other = SqliteStore(tmp_path / "jobs.sqlite3", clock)
        yield other
        other.close()


def test_a_case_is_replaced_only_with_a_reason() -> None:
    name = next(iter(STORE_CASES))
    with pytest.raises(TypeError, match=f"{name} replaces a case of StoreConformance without saying why"):
        type("TestHasty", (StoreConformance,), {name: lambda self: None})
    with pytest.raises(TypeError, match="without saying why"):
        type("TestHole", (StoreConformance,), {name: None})
    replacement = overrides(reason="this store has no such thing")(lambda self: None)
    type("TestReasoned", (StoreConformance,), {name: replacement})


def test_a_case_that_is_taken_away_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    class TestIncomplete(StoreConformance):
        pass

    monkeypatch.setattr(TestIncomplete, "test_find_gives_at_most_two", None)
    with pytest.raises(AssertionError, match="test_find_gives_at_most_two"):
        TestIncomplete().test_no_case_is_taken_away()
