"""Runs the project as a user would: tables, host, templates, admin user, worker, server, jobs.

``nox -s demo-django`` ends by itself; ``nox -s demo-django -- --serve`` goes on serving until Ctrl-C.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from image import make_image

from support.engine import open_engine
from support.unavailable import ServiceUnavailable

PROJECT = Path(__file__).parent
STOP_SECONDS = 20


def manage(*words: str) -> list[str]:
    return [sys.executable, str(PROJECT / "manage.py"), *words]


@contextmanager
def running(words: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the time of the block; stopped as a terminal's Ctrl-C stops it."""
    with log.open("wb") as said:
        # In a group of its own: Ctrl-C is for this program, which stops the others in order.
        started = subprocess.Popen(words, env=environment, stdout=said, stderr=said, start_new_session=True)
        try:
            yield started
        finally:
            started.send_signal(signal.SIGINT)
            try:
                started.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def wait_until_served(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers. Ends this program when the server has ended."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the server ended with {server.returncode}:\n{log.read_text()}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def run(folder: Path, *, serve: bool) -> None:
    with open_engine() as engine:
        kind = "a private Docker engine, started for this demo" if engine.is_private else "the Docker engine"
        print(f"Running on {kind} at {engine.base_url}", flush=True)
        with closing(engine.client()) as client:
            image = make_image(client)
        print(f"The image {image} holds this project", flush=True)
        url = os.environ.get("DATABASE_URL") or f"sqlite:///{folder / 'db.sqlite3'}"
        environment = {**os.environ, "DATABASE_URL": url, "DEBUG": "1", "PYTHONUNBUFFERED": "1"}
        for words in (("migrate", "--verbosity", "0"), ("prepare_demo", "--engine", engine.base_url)):
            more = ["--image", engine.image] if words[0] == "prepare_demo" else []
            subprocess.run(manage(*words, *more), env=environment, check=True)
        address = f"http://127.0.0.1:{free_port()}"
        worker_log, server_log = folder / "worker.log", folder / "server.log"
        server_words = manage("runserver", "--noreload", address.removeprefix("http://"))
        with (
            running(manage("process_container_jobs"), environment, worker_log),
            running(server_words, environment, server_log) as server,
        ):
            wait_until_served(f"{address}/container-manager/health/", server, server_log)
            print(f"The admin is at {address}/admin/, health and metrics at {address}/container-manager/", flush=True)
            subprocess.run(manage("run_demo", "--image", image), env=environment, check=True)
            if serve:
                print("\nServing until Ctrl-C", flush=True)
                threading.Event().wait()


def main() -> None:
    if sys.platform != "linux":
        raise SystemExit("The demo makes its image of this machine's Python, which works on Linux alone.")
    # Also where a shell has started this deaf to interrupts, and all that this starts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="cm-django-demo-") as folder:
            run(Path(folder), serve="--serve" in sys.argv[1:])
    except ServiceUnavailable as error:
        raise SystemExit(f"No containers on this machine: {error}.") from error
    except KeyboardInterrupt:
        print("\nStopped: worker, server and database are gone")


if __name__ == "__main__":
    main()
