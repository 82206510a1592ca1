"""Where a job runs, and why."""

from container_manager_core.routing.router import Refusal, Router

__all__ = ["Refusal", "Router"]
