"""The Google Cloud Run executor of container-manager. `container_manager_cloudrun.plugin` registers it."""
