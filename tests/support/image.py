"""The test image: a static busybox with every applet as a link."""

import io
import platform
import shutil
import subprocess
import tarfile
from pathlib import Path

import docker

from support import debian
from support.unavailable import ServiceUnavailable

TEST_IMAGE = "container-manager/test:busybox"
ALIASES = ("alpine:latest", "busybox:latest")
"""Names from examples, which the test image bears on a private engine, where no registry may be in reach."""

_FOLDERS = {"proc": 0o755, "sys": 0o755, "dev": 0o755, "root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777}
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}
_CHANGES = ['CMD ["sh"]', "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def add_test_image(client: docker.DockerClient, aliases: tuple[str, ...] = ()) -> str:
    """Bring the test image into an engine that lacks it, under its name and others; its name.

    Raises:
        ServiceUnavailable: there is no static busybox here and none can be pulled.
    """
    if not client.images.list(name=TEST_IMAGE):
        busybox = _static_busybox() if _is_our_architecture(client) else None
        if busybox is None:
            _pull(client)
        else:
            repository, tag = TEST_IMAGE.split(":")
            client.api.import_image_from_data(_root_file_system(busybox), repository, tag, _CHANGES)
    image = client.images.get(TEST_IMAGE)
    for alias in aliases:
        image.tag(alias)
    return TEST_IMAGE


def _is_our_architecture(client: docker.DockerClient) -> bool:
    version = client.version()
    machine = platform.machine()
    return version["Os"] == platform.system().lower() and version["Arch"] == _MACHINES.get(machine, machine)


def _static_busybox() -> Path | None:
    found = _installed_busybox()
    if found is None and debian.can_install():
        debian.install(["busybox-static"])
        found = _installed_busybox()
    return found


def _installed_busybox() -> Path | None:
    path = shutil.which("busybox")
    return Path(path) if path and b"/ld-" not in Path(path).read_bytes()[:4096] else None


def _pull(client: docker.DockerClient) -> None:
    try:
        client.images.pull("busybox", "latest").tag(TEST_IMAGE)
    except docker.errors.APIError as error:
        raise ServiceUnavailable(
            f"the engine has no image for the tests and cannot pull busybox ({error.explanation}); "
            "install busybox-static, or let the engine reach a registry"
        ) from error


def _root_file_system(busybox: Path) -> bytes:
    """A tar of the image's files."""
    listed = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True)
    applets = {f"{Path(applet).parent}/{Path(applet).name}".removeprefix("./") for applet in listed.stdout.split()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, mode in _FOLDERS.items():
            _add(tar, name, mode, kind=tarfile.DIRTYPE)
        for name, text in _FILES.items():
            _add(tar, name, 0o644, text.encode())
        _add(tar, "bin/busybox", 0o755, busybox.read_bytes())
        for applet in sorted(applets - {"bin/busybox"}):
            _add(tar, applet, 0o777, kind=tarfile.SYMTYPE, target="/bin/busybox")
    return packed.getvalue()


def _add(
    tar: tarfile.TarFile, name: str, mode: int, data: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = ""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size, entry.type, entry.linkname = mode, len(data), kind, target
    tar.addfile(entry, io.BytesIO(data))
