"""The AWS Fargate executor of container-manager. `container_manager_fargate.plugin` registers it."""
