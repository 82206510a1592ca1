"""The Scaleway executor of container-manager. Importing it imports no SDK."""

from container_manager_scaleway.options import ScalewayOptions

__all__ = ["ScalewayOptions"]
