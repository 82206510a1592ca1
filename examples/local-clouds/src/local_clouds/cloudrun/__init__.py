"""Google Cloud Run Jobs on a laptop: the real wire protocol in front of the local Docker engine."""

from local_clouds.cloudrun.accounts import Account, Accounts
from local_clouds.cloudrun.faults import Faults
from local_clouds.cloudrun.server import LocalCloudRun

__all__ = ["Account", "Accounts", "Faults", "LocalCloudRun"]
