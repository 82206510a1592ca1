"""What jobs cost. Amounts are `decimal.Decimal`, never floats."""

from container_manager_core.costs.prices import Prices, Rates

__all__ = ["Prices", "Rates"]
