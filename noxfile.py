"""Every check of this repository, and the demo. ``nox`` runs all checks, ``nox -l`` lists them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
CORE = ROOT / "packages" / "core"
ADAPTER = ROOT / "packages" / "django-adapter"
_FOUND = sorted(project.parent for project in ROOT.glob("packages/*/pyproject.toml"))
WITHOUT_DJANGO = [package for package in _FOUND if package != ADAPTER]
# A package comes after those that it needs: pip 23 would look for them in an index otherwise.
PACKAGES = [*WITHOUT_DJANGO, ADAPTER]
THIRD_PARTY = ROOT / "examples" / "third-party-executor"
LOCAL_CLOUDS = ROOT / "examples" / "local-clouds"
MYSQL = "mysql"
"""The adapter's extra for it."""

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.stop_on_first_error = False
nox.options.sessions = [
    *("lint", "types", "imports", "docs", "wheels"),
    *("tests", "django", "lowest", "third_party"),
]


def _found_pythons() -> list[str]:
    """The supported Pythons that this machine has; what it lacks is said and left out."""
    classifiers = _project(CORE)["classifiers"]
    prefix = "Programming Language :: Python :: 3."
    supported = [f"3.{line.removeprefix(prefix)}" for line in classifiers if line.startswith(prefix)]
    _offer_pyenv(supported)
    found = [version for version in supported if _runs(version)]
    if not found:
        raise SystemExit(f"none of Python {', '.join(supported)} is on PATH; install one of them")
    if missing := [version for version in supported if version not in found]:
        print(f"Not found, so the tests run without it: Python {', '.join(missing)}", file=sys.stderr)
    return found


def _offer_pyenv(supported: list[str]) -> None:
    """Let pyenv, where it is used, start each supported Python that it has, not only the chosen one."""
    pyenv = shutil.which("pyenv")
    if pyenv is None or "PYENV_VERSION" in os.environ:
        return
    listed = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True).stdout.split()
    chosen = [name for version in supported for name in listed if name.startswith(f"{version}.")]
    if chosen:
        os.environ["PYENV_VERSION"] = ":".join(chosen)


def _runs(version: str) -> bool:
    """Whether that Python really starts: a version manager's stand-in on PATH may not, and venv may be missing."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return True
    program = shutil.which(f"python{version}")
    return (
        program is not None and subprocess.run([program, "-c", "import ensurepip"], capture_output=True).returncode == 0
    )


def _project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def _group(name: str) -> list[str]:
    return nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), name)


def _editable(*folders: Path) -> list[str]:
    """The words for pip to install packages from this checkout, with every extra that brings more than others of it.

    Without the driver of MySQL, which is compiled: see `_install_mysql_driver`.
    """
    words: list[str] = []
    for folder in folders:
        optional = _project(folder).get("optional-dependencies", {}).items()
        extras = ",".join(sorted(name for name, wanted in optional if name != MYSQL and not all(map(_is_ours, wanted))))
        words += ["-e", f"{folder}[{extras}]" if extras else str(folder)]
    return words


def _is_ours(requirement: str) -> bool:
    return requirement.startswith("container-manager-")


PYTHONS = _found_pythons()
CLOUDS = [f"--ignore=tests/{cloud}" for cloud in ("cloudrun", "fargate", "scaleway")]
FAULTS = ["--ignore=tests/faults"]
"""Minutes of waiting for real engines: injected once, on the newest Python, and with nothing beside them."""
LESS = [*FAULTS, *(f"--ignore=tests/{folder}" for folder in ("executors", "project"))]
"""Left out where neither the oldest nor the newest Python runs the tests: what hardly depends on versions."""
PARALLEL = ["-n", "6"]
"""Most of the tests' time is waiting, so that even two cores are worth six processes."""


DJANGO_ONCE = [
    f"tests/django/{name}"
    for name in ("admin/test_unfold.py", "browser", "test_demo.py", "test_documents.py", "test_pooler.py")
]
"""What hardly depends on versions, or has a database of its own: tried with the newest Python, beside SQLite."""


MARIADB = [f"tests/django/{name}" for name in ("test_store_conformance.py", "test_databases.py", "test_commands.py")]
"""What depends on the database, tried on MariaDB too."""


def _install_mysql_driver(session: nox.Session) -> None:
    """Compile it, with Debian's packages: they are installed where they are missing."""
    session.run("python", "-m", "support.mysql_driver", env={"PYTHONPATH": str(ROOT / "tests")})
    session.install("-e", f"{ADAPTER}[{MYSQL}]")


@nox.session
def lint(session: nox.Session) -> None:
    """Rules and layout of the code."""
    session.install(*_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Static types of every package, strict."""
    session.install(*_group("types"), *_editable(*PACKAGES))
    for package in PACKAGES:
        session.run("mypy", str(package / "src"))


@nox.session
def imports(session: nox.Session) -> None:
    """Who may import whom."""
    session.install(*_group("imports"))
    session.install("--no-deps", *_editable(*PACKAGES))
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation: built strictly, and complete without the network."""
    session.install(*_group("docs"))
    site = Path(session.create_tmp()) / "site"
    # The theme prints an advertisement of its own otherwise.
    session.run("mkdocs", "build", "--strict", "--site-dir", str(site), env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("python", "tests/support/site_assets.py", str(site))


@nox.session
def wheels(session: nox.Session) -> None:
    """Each distribution: built, installed alone in a new environment, imported and asked for its executors."""
    session.install(*_group("wheels"), *_group("test"))
    with tempfile.TemporaryDirectory() as folder:
        dist = Path(folder) / "dist"
        for package in PACKAGES:
            session.run("python", "-m", "build", "--no-isolation", "--outdir", str(dist), str(package), silent=True)
        for package in PACKAGES:
            _try_wheel(session, package, dist, Path(folder) / package.name)


def _try_wheel(session: nox.Session, package: Path, dist: Path, environment: Path) -> None:
    """Install a wheel, with the core's where it needs that, and try it from an empty folder."""
    python = environment / "bin" / "python"
    with_command_line = "[cli]" if package == CORE else ""
    found = {folder: _wheel_of(folder, dist) for folder in (package, *_ours_below(package))}
    session.run("python", "-m", "venv", str(environment))
    wanted = [f"{_project(folder)['name']}{with_command_line} @ {wheel.as_uri()}" for folder, wheel in found.items()]
    session.run(str(python), "-m", "pip", "install", "--quiet", *wanted, external=True)
    with session.chdir(environment):
        check = ROOT / "tests" / "support" / "installed.py"
        session.run(str(python), "-I", str(check), _project(package)["name"], external=True)
        if package == CORE:
            session.run(str(environment / "bin" / "container-manager"), "--help", external=True, silent=True)
    if package == ADAPTER:
        fresh_project = ROOT / "tests" / "support" / "fresh_project.py"
        session.run("python", str(fresh_project), str(python), env={"PYTHONPATH": str(ROOT / "tests")})


def _ours_below(package: Path) -> list[Path]:
    """The packages of this checkout that a package depends on."""
    wanted = {re.match(r"[\w-]+", requirement).group() for requirement in _project(package)["dependencies"]}
    return [other for other in PACKAGES if _project(other)["name"] in wanted]


def _wheel_of(package: Path, dist: Path) -> Path:
    (wheel,) = dist.glob(f"{_project(package)['name'].replace('-', '_')}-*.whl")
    return wheel


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests, on a real engine: the one that answers, or one that is installed and started for them."""
    session.install(*_group("test"), *_editable(*WITHOUT_DJANGO, LOCAL_CLOUDS))
    if session.posargs:
        session.run("pytest", "--ignore=tests/django", *session.posargs)
        return
    left_out = {PYTHONS[0]: [*FAULTS, *CLOUDS], PYTHONS[-1]: FAULTS}
    wanted = left_out.get(str(session.python), [*LESS, *CLOUDS])
    session.run("pytest", "--ignore=tests/django", *PARALLEL, *wanted)
    if session.python == PYTHONS[-1]:
        session.run("pytest", "tests/faults")


@nox.session(python=PYTHONS)
def django(session: nox.Session) -> None:
    """The Django adapter's tests, on SQLite and on PostgreSQL: Django 5.2 with Python 3.11, else the newest 6.x.

    With the newest Python, PostgreSQL gets values apart from the statements (Django's option server_side_binding). On
    MariaDB, what depends on the database, once.
    """
    version = "django>=5.2,<6" if session.python == "3.11" else "django>=6,<7"
    is_newest = session.python == PYTHONS[-1]
    session.install(version, *_group("test-browser" if is_newest else "test-django"), *_editable(*PACKAGES))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    once = [f"--ignore={path}" for path in DJANGO_ONCE]
    session.run("pytest", "tests/django", "--database=sqlite", *PARALLEL, *([] if is_newest else once))
    postgresql = "postgresql-bound" if is_newest else "postgresql"
    session.run("pytest", "tests/django", f"--database={postgresql}", *PARALLEL, *once)
    if session.python == PYTHONS[len(PYTHONS) // 2]:
        _install_mysql_driver(session)
        session.run("pytest", *MARIADB, "--database=mariadb", *PARALLEL)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The tests on the lowest versions that the packages say they work with."""
    session.install("uv")
    packages = _editable(*PACKAGES)
    ours = [word for package in PACKAGES for word in ("--no-emit-package", _project(package)["name"])]
    with tempfile.TemporaryDirectory() as folder:
        wanted, floors = Path(folder) / "packages.txt", Path(folder) / "lowest.txt"
        wanted.write_text("".join(f"-e {package}\n" for package in packages if package != "-e"))
        session.run(
            *("uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct", *ours),
            *("--python", session.virtualenv.location, "--output-file", str(floors), str(wanted)),
        )
        session.install("--requirement", str(floors), *_group("test-django"), *packages, *_editable(LOCAL_CLOUDS))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", "--ignore=tests/django", *PARALLEL, *LESS)
    once = [f"--ignore={path}" for path in DJANGO_ONCE]
    session.run("pytest", "tests/django", "--database=postgresql", *PARALLEL, *once)


@nox.session
def storm(session: nox.Session) -> None:
    """The long runs of the fault suites: 200 jobs and 200 killed workers, and more of everything; 100 jobs a cloud."""
    session.install(*_group("test-django"), *_editable(*PACKAGES, LOCAL_CLOUDS))
    _install_mysql_driver(session)
    session.run("pytest", "tests/faults", "--storm-jobs=200", "--storm-kills=200", *session.posargs)
    more = ("--django-jobs=200", "--django-kills=200", "--django-workers=2,4")
    for database in ("sqlite", "postgresql", "mariadb"):
        session.run("pytest", "tests/django/faults", f"--database={database}", *more)
    for cloud, module in (("cloudrun", "promises"), ("fargate", "storm"), ("scaleway", "kills")):
        storm_of = (f"--{cloud}-jobs=100", f"--{cloud}-kills=10")
        session.run("pytest", f"tests/{cloud}/test_{module}.py", *storm_of)


@nox.session
def third_party(session: nox.Session) -> None:
    """An executor from a folder of its own, found by its entry point alone, passes the conformance suite."""
    session.install(*_editable(CORE, THIRD_PARTY))
    with session.chdir(THIRD_PARTY):
        session.run("pytest", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """A handful of containers, their output as it comes, and what became of each."""
    session.install(*_group("test"), *_editable(*WITHOUT_DJANGO, LOCAL_CLOUDS))
    session.run("python", "examples/demo/demo.py", env={"PYTHONPATH": str(ROOT / "tests")})


@nox.session(name="demo-django")
def demo_django(session: nox.Session) -> None:
    """A Django project that runs jobs, one of them its own management command; ``-- --serve`` leaves it running."""
    session.install(*_group("test-django"), *_editable(*PACKAGES))
    demo = ROOT / "examples" / "django-demo" / "demo.py"
    session.run("python", str(demo), *session.posargs, env={"PYTHONPATH": str(ROOT / "tests")})


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark, on a real engine and a real database, with peers beside us, and one table of their figures."""
    session.install(*_group("bench"), *_editable(*PACKAGES, LOCAL_CLOUDS))
    session.run("python", str(ROOT / "benchmarks"), *session.posargs, env={"PYTHONPATH": str(ROOT / "tests")})
