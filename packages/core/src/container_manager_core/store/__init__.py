"""Where jobs live: the protocol of every store, and how a store is opened by its URL.

The stores themselves are imported when one is opened: `container_manager_core.store.memory`,
`container_manager_core.store.sqlite`.
"""

from container_manager_core.store.opening import open_store
from container_manager_core.store.protocol import (
    Charge,
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
    "Charge",
    "Claim",
    "JobQuery",
    "JobStore",
    "LogSlice",
    "Record",
    "RecordOutcome",
    "Signals",
    "StoredLog",
    "open_store",
]
