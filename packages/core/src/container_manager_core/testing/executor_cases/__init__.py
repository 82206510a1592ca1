"""The cases of the executor suite, by what they are about. Collected in `container_manager_core.testing.executors`."""
