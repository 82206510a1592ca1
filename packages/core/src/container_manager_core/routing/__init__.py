"""Where a job runs, and why."""

from container_manager_core.routing.router import Obstacle, Refusal, Router

__all__ = ["Obstacle", "Refusal", "Router"]
