"""``local-scaleway``: the local cloud as a program."""

import argparse
import signal
import sys
import threading
from contextlib import closing
from functools import partial

from docker.errors import DockerException

from local_clouds.containers import Container, local_engine
from local_clouds.scaleway.cloud import Cloud
from local_clouds.scaleway.credentials import Credentials
from local_clouds.scaleway.faults import Faults
from local_clouds.scaleway.server import Server

CLOUD = "scaleway"
_CONFIGURATION = """\
# Scaleway on this machine. For container-manager.toml:

[hosts.local-scaleway]
executor = "scaleway"
config = {{ api_url = "{url}", project_id = "{project_id}", region = "{region}", \
access_key = "secret://env/LOCAL_ACCESS_KEY", secret_key = "secret://env/LOCAL_SECRET_KEY", log_quiet_seconds = 0.5 }}

# and for the shell:
#   export LOCAL_ACCESS_KEY={access_key} LOCAL_SECRET_KEY={secret_key}
# Stop with Ctrl-C.
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        engine = local_engine(options.engine)
        engine.ping()
    except DockerException as error:
        print(f"local-scaleway: no Docker engine answers ({error}); start one, or set DOCKER_HOST", file=sys.stderr)
        return 1
    faults = Faults(options.seed)
    for name in ("throttled", "lost", "out_of_stock", "hide_seconds", "late_seconds"):
        setattr(faults, name, getattr(options, name))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, frame: stopped.set())
    credentials = Credentials()
    cloud = Cloud(partial(Container, engine, CLOUD), credentials, faults)
    with closing(engine), Server(cloud, options.port) as server:
        print(
            _CONFIGURATION.format(
                url=server.url,
                project_id=credentials.project_id,
                region=credentials.region,
                access_key=credentials.access_key,
                secret_key=credentials.secret_key,
            ),
            flush=True,
        )
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local-scaleway", description="Scaleway Serverless Jobs on a Docker engine.")
    parser.add_argument("--port", type=int, default=0, help="on loopback; a free one unless given")
    parser.add_argument("--engine", help="the Docker engine's address; DOCKER_HOST, else the local socket")
    faults = parser.add_argument_group("faults")
    faults.add_argument("--seed", type=int, default=0, help="of all that is left to chance")
    faults.add_argument("--throttled", type=float, default=0.0, help="share of calls answered 429")
    faults.add_argument("--lost", type=float, default=0.0, help="share of starts that are done and answered 500")
    faults.add_argument("--out-of-stock", type=float, default=0.0, help="share of starts answered 'no room'")
    faults.add_argument("--hide-seconds", type=float, default=0.0, help="how long new runs cannot be seen")
    faults.add_argument("--late-seconds", type=float, default=0.0, help="how late lines of logs may be")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
