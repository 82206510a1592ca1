"""The core's stores against the model."""

import tempfile
from pathlib import Path

from hypothesis import settings

from container_manager_core.store import JobStore
from container_manager_core.store.memory import MemoryStore
from container_manager_core.store.sqlite import SqliteStore
from support.store_machine import StoreMachine


class MemoryMachine(StoreMachine):
    def open(self) -> JobStore:
        return MemoryStore(self.clock)


class SqliteMachine(StoreMachine):
    def open(self) -> JobStore:
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        return SqliteStore(Path(self.folder.name) / "jobs.sqlite3", self.clock)

    def reopen(self) -> JobStore:
        self.store.close()
        return SqliteStore(Path(self.folder.name) / "jobs.sqlite3", self.clock)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


TestMemoryStore = MemoryMachine.TestCase
TestMemoryStore.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestSqliteStore = SqliteMachine.TestCase
TestSqliteStore.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
