"""Starts the local Cloud Run and says how to use it."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from local_clouds.cloudrun.faults import Faults
from local_clouds.cloudrun.server import LocalCloudRun


def main(words: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; then every container is stopped and removed."""
    given = _parser().parse_args(words)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    faults = Faults(
        seed=given.seed,
        throttled=given.throttled,
        unanswered=given.unanswered,
        phantom_capacity=given.phantom_capacity,
        hidden_seconds=given.hidden_seconds,
        late_seconds=given.late_seconds,
        scattered_seconds=given.scattered_seconds,
        page_size=given.page_size,
    )
    with LocalCloudRun(
        engine_url=given.engine, project=given.project, region=given.region, port=given.port, faults=faults
    ) as server:
        config = ", ".join(f"{key} = {json.dumps(value)}" for key, value in server.options.items())
        print(f'[hosts.local-cloudrun]\nexecutor = "cloudrun"\nconfig = {{ {config} }}', flush=True)
        print("Serving; stop with Ctrl-C.", file=sys.stderr, flush=True)
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local-cloudrun", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on localhost; a free one unless given")
    parser.add_argument("--project", default="local-project")
    parser.add_argument("--region", default="europe-west1")
    parser.add_argument("--engine", help="the Docker engine's address; DOCKER_HOST unless given")
    faults = parser.add_argument_group("faults")
    faults.add_argument("--seed", type=int, default=0, help="makes chance repeatable")
    faults.add_argument("--throttled", type=float, default=0.0, help="share of calls that are refused as too many")
    faults.add_argument("--unanswered", type=float, default=0.0, help="share of calls that are done and answered 503")
    faults.add_argument(
        "--phantom-capacity", type=float, default=0.0, help='share of runs that start and are answered "no capacity"'
    )
    faults.add_argument("--hidden-seconds", type=float, default=0.0, help="how long a new execution cannot be seen")
    faults.add_argument("--late-seconds", type=float, default=0.0, help="how late output is")
    faults.add_argument("--scattered-seconds", type=float, default=0.0, help="how much later a line may be, by chance")
    faults.add_argument("--page-size", type=int, default=0, help="most items of a page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
