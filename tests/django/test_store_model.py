"""The store on the project's database against the model."""

from typing import Any

from hypothesis import settings

from container_manager_core.store import JobStore
from support.store_machine import StoreMachine


class OrmMachine(StoreMachine):
    def open(self) -> JobStore:
        from container_manager.models import BudgetAccount, ContainerExecution, ContainerJob, OutputChunk, WorkerLease
        from container_manager.store.store import OrmStore

        store = OrmStore(clock=self.clock)
        store.database.pool()
        with store.database.connected():
            for model in (OutputChunk, ContainerExecution, ContainerJob, WorkerLease, BudgetAccount):
                model.objects.all().delete()
        return store

    def reopen(self) -> JobStore:
        from container_manager.store.store import OrmStore

        self.store.close()
        store = OrmStore(clock=self.clock)
        store.database.pool()
        return store

    def teardown(self) -> Any:
        self.store.close()


OrmMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestOrmStore = OrmMachine.TestCase
