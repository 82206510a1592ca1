"""A Docker engine of the tests' own, beside whatever else the machine runs."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType

import docker
import requests

from support import debian, guard
from support.image import ALIASES, add_test_image
from support.unavailable import ServiceUnavailable

_START_SECONDS = 60.0
_PROGRAMS = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2"}


class PrivateEngine:
    """A ``dockerd`` with its own data, socket and bridge. It changes no firewall rule of the machine.

    Its containers reach each other and the machine, but not the network beyond. A guard process
    removes everything of it when `stop` is called or when this process dies, however it dies.

    Args:
        options: more options of ``dockerd``, for example ``--live-restore``.

    Attributes:
        base_url: where it listens.
        image: the test image in it.
    """

    is_private = True

    def __init__(self, options: tuple[str, ...] = ()) -> None:
        self._options = options
        # /tmp whatever TMPDIR says: a socket's path may have about 100 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="cm-engine-", dir="/tmp"))
        self._bridge = f"cm{secrets.token_hex(4)}"
        self.base_url = f"unix://{self.folder}/docker.sock"
        self.image = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = subprocess.Popen(
            [sys.executable, guard.__file__, str(self.folder), self._bridge],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def __enter__(self) -> "PrivateEngine":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id of ``dockerd``; None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log(self) -> str:
        """What the engine wrote to its log so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def client(self) -> docker.DockerClient:
        """A new client of this engine; the caller closes it."""
        return docker.DockerClient(base_url=self.base_url, timeout=60)

    def start(self) -> None:
        """Start the engine, or start it again, and return when it answers.

        Raises:
            ServiceUnavailable: it is not installed and cannot be, or it does not come up.
        """
        if self.pid is not None:
            return
        install_engine()
        self._make_bridge()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
                start_new_session=True,
            )
        self._wait_until_it_answers()
        if not self.image:
            with closing(self.client()) as client:
                self.image = add_test_image(client, aliases=ALIASES)

    def kill(self) -> None:
        """End the engine with SIGKILL, as a crash would. Its containers go on until it is started again."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """End the engine politely, and with it its containers. `start` brings it back."""
        self._end(signal.SIGTERM)

    def stop(self) -> None:
        """Remove the engine and everything in it. It cannot be started again."""
        self._guard.communicate(b"x")
        if self._process is not None:
            self._process.wait()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self.pid is not None:
            self._process.send_signal(number)
            self._process.wait()
        guard.wait_for_end(guard.pids_of("containerd", self.folder))
        # A first process that reaps no children leaves a zombie, which a new dockerd would take for a containerd.
        for stale in ("pid", "exec/containerd/containerd.pid"):
            self.folder.joinpath(stale).unlink(missing_ok=True)

    def _command(self) -> list[str]:
        return [
            debian.find_program("dockerd") or "dockerd",
            *("--host", self.base_url),
            *("--data-root", f"{self.folder}/data"),
            *("--exec-root", f"{self.folder}/exec"),
            *("--pidfile", f"{self.folder}/pid"),
            *("--config-file", f"{self.folder}/daemon.json"),
            *("--bridge", self._bridge),
            *("--exec-opt", "native.cgroupdriver=cgroupfs"),
            *("--shutdown-timeout", "1"),
            "--iptables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            *self._options,
        ]

    def _make_bridge(self) -> None:
        self.folder.joinpath("daemon.json").write_text("{}\n")
        if Path(f"/sys/class/net/{self._bridge}").exists():
            return
        ip = debian.find_program("ip") or "ip"
        done = subprocess.run([ip, "link", "add", self._bridge, "type", "bridge"], capture_output=True, text=True)
        if done.returncode:
            raise ServiceUnavailable(
                f"no network bridge can be made for a Docker engine ({done.stderr.strip()}); run where root has "
                "the capability NET_ADMIN, or point DOCKER_HOST to an engine"
            )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while self.pid is not None and time.monotonic() < deadline:
            if answers(self.base_url):
                return
            time.sleep(0.1)
        last = "\n".join(self.log.splitlines()[-15:])
        raise ServiceUnavailable(
            "the private Docker engine does not come up; run as root with all capabilities, or point DOCKER_HOST to "
            f"an engine. Its log ends:\n{last}"
        )


def install_engine() -> None:
    """Install what a private engine needs and the machine lacks.

    Raises:
        ServiceUnavailable: it cannot be installed here, or we are not root.
    """
    missing = [package for program, package in _PROGRAMS.items() if debian.find_program(program) is None]
    if os.geteuid() != 0 or (missing and not debian.can_install()):
        raise ServiceUnavailable(
            "no Docker engine answers, and none can be started here; start Docker, point DOCKER_HOST to an engine, "
            "or run as root on Debian, where one is installed and started for the time of the run"
        )
    if missing:
        debian.install(missing)


def answers(base_url: str) -> bool:
    """Whether a Docker engine answers there."""
    try:
        with closing(docker.DockerClient(base_url=base_url, timeout=5)) as client:
            return bool(client.ping())
    except (docker.errors.DockerException, requests.RequestException, OSError):
        return False
