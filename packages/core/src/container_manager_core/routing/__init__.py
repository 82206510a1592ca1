"""Where a job runs, and why."""

from container_manager_core.routing.decision import Refusal
from container_manager_core.routing.judge import Obstacle
from container_manager_core.routing.router import FactsOf, Router

__all__ = ["FactsOf", "Obstacle", "Refusal", "Router"]
