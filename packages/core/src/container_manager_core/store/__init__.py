"""Where jobs live: the protocol of every store, the store in memory, and how a store is opened by its URL."""

from container_manager_core.store.memory import MemoryStore
from container_manager_core.store.opening import open_store
from container_manager_core.store.protocol import (
    Claim,
    JobQuery,
    JobStore,
    LogSlice,
    Record,
    RecordOutcome,
    Signals,
    StoredLog,
)

__all__ = [
    "Claim",
    "JobQuery",
    "JobStore",
    "LogSlice",
    "MemoryStore",
    "Record",
    "RecordOutcome",
    "Signals",
    "StoredLog",
    "open_store",
]
