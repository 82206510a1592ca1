"""The Google Cloud Run executor of container-manager. Importing it imports no SDK."""

from container_manager_cloudrun.options import CloudRunOptions

__all__ = ["CloudRunOptions"]
