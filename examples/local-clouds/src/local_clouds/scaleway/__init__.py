"""Scaleway on a laptop: Serverless Jobs, Cockpit's logs and Secret Manager over HTTP."""

from local_clouds.scaleway.cloud import Cloud
from local_clouds.scaleway.credentials import Credentials
from local_clouds.scaleway.faults import Faults
from local_clouds.scaleway.server import Server

__all__ = ["Cloud", "Credentials", "Faults", "Server"]
