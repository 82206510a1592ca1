"""The options that say what to run and where, for `run` and `submit`, and the spec that they make."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from container_manager_core.cli import attachments
from container_manager_core.environment import merge_environment, parse_assignments, parse_environment_text
from container_manager_core.errors import InvalidInput
from container_manager_core.resources import Resources
from container_manager_core.retry import RetryPolicy
from container_manager_core.spec import ContainerSpec

_PLACES = {
    "image": "IMAGE",
    "command": "COMMAND",
    "resources.memory_mib": "--memory",
    "resources.cpus": "--cpus",
    "resources.pids": "--pids",
    "resources.gpus": "--gpus",
    "environment": "--env",
    "secrets": "--secret",
    "labels": "--label",
    "timeout_seconds": "--timeout",
    "expected_seconds": "--expected",
    "max_cost": "--max-cost",
    "queue_timeout_seconds": "--queue-timeout",
    "stop_grace_seconds": "--grace",
    "max_output_bytes": "--max-output",
    "retry.max_attempts": "--retries",
    "working_directory": "--workdir",
    "entrypoint": "--entrypoint",
    "networks": "--network",
    "network_aliases": "--network-alias",
    "user": "--user",
    "hostname": "--hostname",
    "platform": "--platform",
    "pull": "--pull",
    "priority": "--priority",
    "host": "--host",
    "requested_host": "--host",
    "executor": "--executor",
    "preferred_executor": "--executor",
}


def _option(*names: str, metavar: str | None = None, help: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=help, show_default=False)


_Many = list[str]


@attrs.frozen(kw_only=True)
class JobOptions:
    """The arguments of `run` and `submit`, as they were typed. Each field is an argument of its own."""

    image: Annotated[str | None, typer.Argument(metavar="IMAGE", help="The image to run, for example alpine:3.20.")] = (
        None
    )
    command: Annotated[
        _Many | None,
        typer.Argument(metavar="COMMAND", help="The words of the command, after '--'; the image's own when left out."),
    ] = None
    name: Annotated[str, _option("--name", metavar="NAME", help="A name for people; need not be unique.")] = ""
    host: Annotated[str | None, _option("--host", metavar="HOST", help="Run on this host and no other.")] = None
    executor: Annotated[str | None, _option("--executor", metavar="NAME", help="Prefer hosts of this kind.")] = None
    memory: Annotated[int | None, _option("--memory", "-m", metavar="MIB", help="Memory limit in MiB.")] = None
    cpus: Annotated[float | None, _option("--cpus", metavar="N", help="CPU cores, for example 0.5.")] = None
    pids: Annotated[int | None, _option("--pids", metavar="N", help="Most processes and threads at once.")] = None
    gpus: Annotated[int | None, _option("--gpus", metavar="N", help="GPUs to reserve.")] = None
    env: Annotated[_Many | None, _option("--env", "-e", metavar="K=V", help="Set a variable. Repeatable.")] = None
    env_file: Annotated[
        _Many | None, _option("--env-file", metavar="FILE", help="Variables, one K=V a line. --env wins.")
    ] = None
    secret: Annotated[
        _Many | None,
        _option(
            "--secret",
            metavar="K=V",
            help="Set a variable that is kept encrypted and never shown; V may be secret://env/NAME, which keeps "
            "the value off the command line. Repeatable.",
        ),
    ] = None
    timeout: Annotated[
        float | None, _option("--timeout", metavar="S", help="Stop the command after so many seconds.")
    ] = None
    expected: Annotated[
        float | None, _option("--expected", metavar="S", help="How long it usually takes, for estimates of its cost.")
    ] = None
    max_cost: Annotated[
        str | None, _option("--max-cost", metavar="AMOUNT", help="Stop the command when it has cost so much.")
    ] = None
    queue_timeout: Annotated[
        float | None, _option("--queue-timeout", metavar="S", help="Give up when not started after so many seconds.")
    ] = None
    grace: Annotated[
        float | None, _option("--grace", metavar="S", help="Seconds between the polite stop and the kill; 10.")
    ] = None
    retries: Annotated[int, _option("--retries", metavar="N", help="Try again so often after a failure.")] = 0
    priority: Annotated[int, _option("--priority", metavar="N", help="0 to 100, higher goes first; 50.")] = 50
    entrypoint: Annotated[
        str | None, _option("--entrypoint", metavar="WORDS", help="Instead of the image's entrypoint.")
    ] = None
    workdir: Annotated[
        str | None, _option("--workdir", "-w", metavar="PATH", help="Working directory in the container.")
    ] = None
    user: Annotated[str | None, _option("--user", "-u", metavar="UID[:GID]", help="Run as this user.")] = None
    hostname: Annotated[str | None, _option("--hostname", metavar="NAME", help="The container's host name.")] = None
    mount: Annotated[
        _Many | None,
        _option(
            "--mount", "--volume", "-v", metavar="SRC:DST[:ro]", help="Mount a host's path or a volume. Repeatable."
        ),
    ] = None
    tmpfs: Annotated[
        _Many | None, _option("--tmpfs", metavar="PATH[:size=N]", help="Mount memory; size in bytes, or with k, m, g.")
    ] = None
    network: Annotated[_Many | None, _option("--network", metavar="NAME", help="Join a network. Repeatable.")] = None
    network_alias: Annotated[
        _Many | None, _option("--network-alias", metavar="NAME", help="Also be called so in its networks. Repeatable.")
    ] = None
    publish: Annotated[
        _Many | None,
        _option("--publish", "-p", metavar="[[ADDRESS:]PORT:]PORT[/udp]", help="Publish a port. Repeatable."),
    ] = None
    label: Annotated[_Many | None, _option("--label", "-l", metavar="K=V", help="Label the job. Repeatable.")] = None
    read_only: Annotated[bool, _option("--read-only", help="Make the root file system read-only.")] = False
    cap_drop: Annotated[_Many | None, _option("--cap-drop", metavar="NAME", help="Drop a Linux capability.")] = None
    cap_add: Annotated[_Many | None, _option("--cap-add", metavar="NAME", help="Add a Linux capability.")] = None
    init: Annotated[bool, _option("--init", help="Run a small init that reaps processes.")] = False
    pull: Annotated[str | None, _option("--pull", metavar="missing|always|never", help="When to pull the image.")] = (
        None
    )
    platform: Annotated[str | None, _option("--platform", metavar="OS/ARCH", help="Such as linux/arm64.")] = None
    keep: Annotated[bool, _option("--keep", help="Leave the container there at the end; reap removes it.")] = False
    max_output: Annotated[
        int | None, _option("--max-output", metavar="BYTES", help="Most bytes kept of each output stream; 64 MiB.")
    ] = None

    def spec(self) -> ContainerSpec:
        """What to run.

        Raises:
            InvalidInput: its place is the option that is wrong.
        """
        try:
            return self._spec()
        except InvalidInput as error:
            raise at_option(error) from error

    def keywords(self) -> dict[str, Any]:
        """The keywords of the manager's ``submit`` and ``run`` beside the spec."""
        return {"name": self.name, "priority": self.priority, "host": self.host, "executor": self.executor}

    def _spec(self) -> ContainerSpec:
        if self.image is None:
            raise InvalidInput("IMAGE", "it is missing", "name the image to run")
        given: dict[str, Any] = {
            "timeout_seconds": self.timeout,
            "expected_seconds": self.expected,
            "max_cost": self.max_cost,
            "queue_timeout_seconds": self.queue_timeout,
            "stop_grace_seconds": self.grace,
            "max_output_bytes": self.max_output,
            "pull": attachments.pull_policy(self.pull),
        }
        if self.retries < 0:
            raise InvalidInput("--retries", f"{self.retries} is out of range", "use a whole number from 0 to 999")
        return ContainerSpec(
            image=self.image,
            command=self.command or (),
            entrypoint=self.entrypoint,
            environment=self._environment(),
            secrets=parse_assignments(_hidden(self.secret), "--secret"),
            resources=Resources(memory_mib=self.memory, cpus=self.cpus, pids=self.pids, gpus=self.gpus),
            retry=RetryPolicy(max_attempts=self.retries + 1),
            mounts=[*map(attachments.mount, self.mount or ()), *map(attachments.tmpfs, self.tmpfs or ())],
            networks=self.network or (),
            network_aliases=self._network_aliases(),
            ports=[attachments.port(text) for text in self.publish or ()],
            labels=_labels(self.label or ()),
            user=self.user,
            working_directory=self.workdir,
            hostname=self.hostname,
            platform=self.platform,
            read_only_root=self.read_only,
            drop_capabilities=self.cap_drop or (),
            add_capabilities=self.cap_add or (),
            init=self.init,
            auto_remove=not self.keep,
            **{field: value for field, value in given.items() if value is not None},
        )

    def _network_aliases(self) -> Mapping[str, Sequence[str]]:
        if self.network_alias and not self.network:
            raise InvalidInput("--network-alias", "there is no network to be called so in", "give --network too")
        return {network: self.network_alias for network in self.network or ()} if self.network_alias else {}

    def _environment(self) -> Mapping[str, str]:
        files = [_variables_of(Path(path)) for path in self.env_file or ()]
        return merge_environment(*files, parse_assignments(self.env or ()))


def takes_job_options(command: Callable[..., int]) -> Callable[..., int]:
    """The command with one argument for each field of `JobOptions`, in place of its argument ``options``."""
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "options"]
    fields = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=field.type,
            default=inspect.Parameter.empty if field.default is attrs.NOTHING else field.default,
        )
        for field in attrs.fields(JobOptions)
    ]
    names = {field.name for field in fields}

    @wraps(command)
    def with_options(**arguments: Any) -> int:
        options = JobOptions(**{name: arguments.pop(name) for name in names})
        return command(options=options, **arguments)

    parameters = [*fields, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own)]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def at_option(error: InvalidInput) -> InvalidInput:
    """The same error, its place being the option that was typed."""
    name, bracket, rest = error.place.partition("[")
    option = _PLACES.get(name)
    if option is None:
        return error
    moved = copy(error)
    moved.place = f"{option}{bracket}{rest}"
    return moved


def _variables_of(path: Path) -> Mapping[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            "--env-file", f"{str(path)!r} cannot be read ({error.strerror})", "check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput("--env-file", f"{str(path)!r} is no UTF-8 text ({error.reason})", "convert it") from error
    return parse_environment_text(text, f"--env-file {path}")


def _labels(words: Iterable[str]) -> Mapping[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _hidden(words: Iterable[str] | None) -> list[str]:
    """The same words; one without ``=`` is refused here, as the usual message would show it."""
    listed = list(words or ())
    if any("=" not in word for word in listed):
        raise InvalidInput("--secret", "a word has no '='", "write it as NAME=value or NAME=secret://env/OTHER")
    return listed
