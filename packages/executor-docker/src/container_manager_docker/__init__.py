"""The Docker executor of container-manager. Importing it imports no SDK."""

from container_manager_docker.options import DockerOptions, RegistryCredentials

__all__ = ["DockerOptions", "RegistryCredentials"]
