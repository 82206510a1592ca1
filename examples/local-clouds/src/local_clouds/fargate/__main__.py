"""``local-fargate``: a Fargate on this machine until Ctrl-C."""

import argparse
import signal
import threading
from contextlib import closing

from local_clouds.containers import local_engine
from local_clouds.fargate.faults import Faults
from local_clouds.fargate.server import ACCOUNT_ID, LocalFargate

_CONFIGURATION = """\
# container-manager.toml
[hosts.local-fargate]
executor = "fargate"

[hosts.local-fargate.config]
endpoint_url = "{url}"
region = "{region}"
cluster = "default"
subnets = ["subnet-local"]
execution_role_arn = "arn:aws:iam::{account}:role/local"

# and in the shell:
# export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
"""
_SHARES = ("throttled", "error_after", "lost", "capacity", "capacity_started")


def main() -> None:
    """Start it, print the configuration of a host, and stop it at SIGINT or SIGTERM."""
    wanted = _arguments()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    faults = Faults(
        seed=wanted.seed,
        hidden_seconds=wanted.hidden_seconds,
        late_log_seconds=wanted.late_log_seconds,
        page_size=wanted.page_size,
        **{share: getattr(wanted, share) for share in _SHARES},
    )
    with closing(local_engine(wanted.engine)) as engine:
        cloud = LocalFargate(
            engine, faults=faults, region=wanted.region, most_vcpus=wanted.most_vcpus, port=wanted.port
        )
        cloud.remove_left_behind()
        with cloud:
            print(_CONFIGURATION.format(url=cloud.url, region=cloud.region, account=ACCOUNT_ID), flush=True)
            stopped.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local-fargate", description="AWS Fargate on the local Docker engine.")
    parser.add_argument("--port", type=int, default=4566, help="where to listen on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--region", default="eu-central-1", help="the only region there is")
    parser.add_argument("--engine", help="address of the Docker engine; else DOCKER_HOST, else the local socket")
    parser.add_argument("--most-vcpus", type=float, default=4000, help="the account's quota of vCPUs that run at once")
    faults = parser.add_argument_group("faults")
    faults.add_argument("--seed", type=int, default=0, help="of the chances below")
    for share in _SHARES:
        faults.add_argument(f"--{share.replace('_', '-')}", type=float, default=0.0, help="share of calls, 0 to 1")
    faults.add_argument("--hidden-seconds", type=float, default=0.0, help="how long a new task cannot be seen")
    faults.add_argument("--late-log-seconds", type=float, default=0.0, help="by how much output may come late")
    faults.add_argument("--page-size", type=int, help="most entries on a page of any list")
    return parser.parse_args()


if __name__ == "__main__":
    main()
