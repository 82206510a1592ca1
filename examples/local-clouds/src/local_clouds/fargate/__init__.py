"""AWS Fargate on a laptop: the ECS API, with moto behind it, and real containers on the local Docker engine."""

from local_clouds.fargate.faults import Fault, Faults
from local_clouds.fargate.identity import User
from local_clouds.fargate.server import LocalFargate

__all__ = ["Fault", "Faults", "LocalFargate", "User"]
