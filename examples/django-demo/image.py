"""An image with this Python, Django and the project, made of files of this machine: no registry and no network.

Elsewhere a Dockerfile does that: ``FROM python:3.13-slim``, ``RUN pip install ...``, ``COPY . /app``.
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import docker

REPOSITORY = "container-manager/django-demo"
PROJECT = Path(__file__).parent
LEFT_OUT = {"__pycache__", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tests", "tkinter"}
ENDINGS_LEFT_OUT = (".a", ".po", ".pth", ".pyc", ".sqlite3")
_KEPT_IMAGES = 3


def make_image(client: docker.DockerClient) -> str:
    """The image's name; made unless the engine has one of the same content."""
    files = dict(sorted(_all_files()))
    digest = hashlib.sha256()
    for target, source in files.items():
        digest.update(f"{target}\0{source.stat().st_size}\0".encode())
        digest.update(source.read_bytes())
    name = f"{REPOSITORY}:{digest.hexdigest()[:16]}"
    if not client.images.list(name=name):
        client.api.import_image_from_data(_packed(files), *name.split(":"), changes=_changes())
        _remove_old(client)
    return name


def _changes() -> list[str]:
    return [
        f"ENV PATH={Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin PYTHONPATH=/packages PYTHONUNBUFFERED=1",
        f"ENV LD_LIBRARY_PATH={Path(sys.base_prefix) / 'lib'} PYTHONDONTWRITEBYTECODE=1",
        "WORKDIR /app",
    ]


def _all_files() -> Iterator[tuple[str, Path]]:
    yield from _python()
    for found in _distributions("django-container-manager", "psycopg-binary"):
        yield from _distribution_files(found)
    for source in _tree(PROJECT):
        yield f"app/{source.relative_to(PROJECT)}", source


def _python() -> Iterator[tuple[str, Path]]:
    """The interpreter, its library and the shared libraries that they load."""
    program = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(os.__file__).parent
    sources = list(_tree(library))
    loaded = [str(program.resolve()), *(str(source) for source in sources if ".so" in source.suffixes)]
    said = subprocess.run(["ldd", *loaded], capture_output=True, text=True).stdout
    for path in sorted(set(re.findall(r"(?:=> |^\t)(/\S+)", said, re.MULTILINE))):
        yield path.lstrip("/"), Path(path)
    for name in ("python", "python3", program.name):
        yield str(program.with_name(name)).lstrip("/"), program.resolve()
    for source in sources:
        yield str(source).lstrip("/"), source


def _distributions(*names: str) -> list[Distribution]:
    """These and what they need, as far as it is installed."""
    found: dict[str, Distribution] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        with suppress(PackageNotFoundError):
            found[name] = distribution(name)
            requirements = [line for line in found[name].requires or () if "extra ==" not in line]
            wanted += [re.match(r"[\w.-]+", line).group() for line in requirements]
    with suppress(PackageNotFoundError):
        found |= {"psycopg": distribution("psycopg")} if "psycopg-binary" in found else {}
    return list(found.values())


def _distribution_files(found: Distribution) -> Iterator[tuple[str, Path]]:
    editable = False
    for file in found.files or ():
        editable = editable or file.suffix == ".pth"
        left_out = file.name.endswith(ENDINGS_LEFT_OUT) or LEFT_OUT & set(file.parts)
        if not left_out and ".." not in file.parts:
            yield f"packages/{file}", Path(str(file.locate()))
    if editable:
        package = find_spec(found.name.replace("-", "_").removeprefix("django_"))
        for folder in map(Path, package.submodule_search_locations if package else ()):
            for source in _tree(folder):
                yield f"packages/{folder.name}/{source.relative_to(folder)}", source


def _tree(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        yield from (Path(place) / name for name in sorted(names) if not name.endswith(ENDINGS_LEFT_OUT))


def _packed(files: dict[str, Path]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("tmp", "proc", "sys", "dev"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(folder)
        for target, source in files.items():
            tar.add(source.resolve(), arcname=target, filter=_owned_by_root)
    return packed.getvalue()


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.mode |= 0o444
    return entry


def _remove_old(client: docker.DockerClient) -> None:
    """Keep the newest few; one that a container uses stays too."""
    made = sorted(client.images.list(name=REPOSITORY), key=lambda image: image.attrs["Created"])
    for image in made[:-_KEPT_IMAGES]:
        with suppress(docker.errors.APIError):
            client.images.remove(image.id)
