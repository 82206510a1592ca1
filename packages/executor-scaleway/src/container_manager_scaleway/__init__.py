"""The Scaleway executor of container-manager. `container_manager_scaleway.plugin` registers it."""
