"""The conformance suite for stores: subclass it, give the fixtures, and pytest runs every case.

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def store(self, clock):
            store = MyStore("my://place", clock)
            yield store
            store.close()

A store for several processes gives `other_store` too, a second object on the same data. A case can be
replaced only with ``@overrides(reason="...")``; taking one away is an error.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from container_manager_core.testing.case import cases_of, overridden_in
from container_manager_core.testing.store_cases.keeping import KeepingCases
from container_manager_core.testing.store_cases.leasing import LeasingCases
from container_manager_core.testing.store_cases.money import MoneyCases
from container_manager_core.testing.store_cases.moving import MovingCases
from container_manager_core.testing.store_cases.output import OutputCases


class StoreConformance(KeepingCases, LeasingCases, MoneyCases, MovingCases, OutputCases):
    """Every case that a store must pass. See `StoreKit` for the fixtures that an author gives."""

    CASES: ClassVar[Mapping[str, Callable[..., Any]]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        overridden_in(cls, StoreConformance, StoreConformance.CASES)

    def test_no_case_is_taken_away(self) -> None:
        """Every case is there, or replaced with a reason."""
        taken_away = [name for name in STORE_CASES if not callable(getattr(type(self), name, None))]
        assert taken_away == [], f"taken away from the suite: {taken_away}"
        overridden_in(type(self), StoreConformance, STORE_CASES)


STORE_CASES: Mapping[str, Callable[..., Any]] = cases_of(StoreConformance)
"""Every case of `StoreConformance`, by name."""

StoreConformance.CASES = STORE_CASES
