"""The AWS Fargate executor of container-manager. Importing it imports no SDK."""

from container_manager_fargate.options import FargateOptions

__all__ = ["FargateOptions"]
