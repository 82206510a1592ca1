"""A definition, which is a Cloud Run job, and the overrides of a run, in the platform's words."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import attrs
from google.cloud import run_v2

from container_manager_cloudrun import sizes
from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.prices import price, rates_of, size_of
from container_manager_cloudrun.secret_references import RESOLVER, native
from container_manager_core.errors import InvalidInput
from container_manager_core.executor import ExecutionRequest, Plan, Problem
from container_manager_core.spec import ContainerSpec, PullPolicy

INSTALLATION_LABEL = "container-manager"
JOB_VARIABLE = "CONTAINER_MANAGER_JOB_ID"
ATTEMPT_VARIABLE = "CONTAINER_MANAGER_ATTEMPT"

_FORMAT = 1
"""Part of the hash: to be raised when the same spec is to become another definition."""
_LONGEST_VALUE_BYTES = 32_768
"""Source: https://cloud.google.com/run/quotas, read 2026-11-21."""
_MOST_VARIABLES = 1000
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{1,63}")
_RESERVED = re.compile(r"CLOUD_RUN_.*|K_SERVICE|K_REVISION|K_CONFIGURATION")


@attrs.frozen(kw_only=True)
class Definition:
    """What stays the same from run to run.

    Attributes:
        job_id: its name, made of the hash of its content.
        parent: the region's resource name.
        job: its content.
    """

    job_id: str
    parent: str
    job: run_v2.Job = attrs.field(eq=False, repr=False)

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"{self.parent}/jobs/{self.job_id}"


def installation_value(installation_id: str) -> str:
    """The label's value that marks an installation; a digest where its id is no such value."""
    if _LABEL_VALUE.fullmatch(installation_id):
        return installation_id
    return hashlib.sha256(installation_id.encode()).hexdigest()[:40]


def definition_of(spec: ContainerSpec, options: CloudRunOptions, installation_id: str) -> Definition:
    """The definition that a spec's runs have in common.

    A run can change arguments, variables and the timeout; everything else stands in here.
    """
    content = _content(spec, options, installation_value(installation_id))
    digest = hashlib.sha256(json.dumps([_FORMAT, content], sort_keys=True).encode()).hexdigest()[:24]
    job = run_v2.Job(content)
    return Definition(job_id=f"cm-{digest}", parent=options.parent, job=job)


def overrides_of(job: ExecutionRequest) -> dict[str, Any]:
    """What this run has of its own: arguments, variables and the timeout."""
    spec = job.spec
    plain = {name: value for name, value in job.secrets.items() if name not in native(spec.secrets)}
    variables = {
        **job.environment,
        **plain,
        JOB_VARIABLE: str(job.job_id),
        ATTEMPT_VARIABLE: str(job.attempt),
    }
    container: dict[str, Any] = {"env": [{"name": name, "value": value} for name, value in variables.items()]}
    if arguments := _arguments(spec):
        container["args"] = arguments
    overrides: dict[str, Any] = {"container_overrides": [container]}
    if spec.timeout_seconds is not None:
        overrides["timeout"] = timedelta(seconds=math.ceil(spec.timeout_seconds))
    return overrides


def plan_of(spec: ContainerSpec, options: CloudRunOptions) -> Plan:
    """What the platform makes of a spec, and what it cannot do."""
    size = size_of(options, spec)
    notes = []
    if "@" not in spec.image:
        notes.append("the image's tag is resolved when its definition is made, not at each run; a digest is exact")
    if spec.labels:
        notes.append("the job's labels are not put on the execution; those of the host are")
    per_hour = price(options, spec) if rates_of(options) is not None else None
    return Plan(
        problems=tuple(_problems(spec, options)),
        memory_mib=size.memory_mib,
        cpus=float(size.cpus),
        cost_per_hour_low=per_hour,
        cost_per_hour_high=per_hour,
        notes=tuple(notes),
    )


def request_problems(job: ExecutionRequest, options: CloudRunOptions) -> Iterator[Problem]:
    """What the platform cannot do of a request, beyond its spec."""
    known = native(job.spec.secrets)
    if not options.allow_plain_secrets:
        yield from (_plain_secret(name) for name in job.secrets if name not in known)
    yield from _variable_problems({**job.environment, **job.secrets})
    for place, text in _texts(job):
        if _is_surrogate(text):
            yield Problem(
                place=place,
                message="it holds a lone surrogate, which the platform cannot take",
                remedy="pass bytes that are not UTF-8 in another encoding, for example base64",
            )


def _content(spec: ContainerSpec, options: CloudRunOptions, installation: str) -> dict[str, Any]:
    size = size_of(options, spec)
    references = native(spec.secrets)
    container: dict[str, Any] = {
        "image": spec.image,
        "command": _command(spec),
        "working_dir": spec.working_directory or "",
        "resources": {"limits": {"cpu": str(size.cpus), "memory": f"{size.memory_mib}Mi"}},
        "env": [
            {"name": name, "value_source": {"secret_key_ref": {"secret": found.secret, "version": found.version}}}
            for name, found in sorted(references.items())
        ],
    }
    task: dict[str, Any] = {
        "containers": [container],
        "max_retries": options.max_retries,
        "timeout": {"seconds": round(options.task_timeout)},
        "execution_environment": "EXECUTION_ENVIRONMENT_GEN2",
    }
    if options.service_account is not None:
        task["service_account"] = options.service_account
    if options.vpc_connector is not None:
        task["vpc_access"] = {"connector": options.vpc_connector}
    labels = {**options.labels, INSTALLATION_LABEL: installation}
    return {"labels": labels, "template": {"labels": labels, "task_count": 1, "parallelism": 1, "template": task}}


def _command(spec: ContainerSpec) -> list[str]:
    """The entrypoint. To drop the image's own, the command's first word takes its place."""
    if spec.entrypoint is None:
        return []
    return list(spec.entrypoint) or list(spec.command[:1])


def _arguments(spec: ContainerSpec) -> list[str]:
    return list(spec.command[1:] if spec.entrypoint == () else spec.command)


def _problems(spec: ContainerSpec, options: CloudRunOptions) -> Iterator[Problem]:
    yield from sizes.problems(spec.resources)
    yield from _secret_problems(spec, options)
    yield from _variable_problems(spec.environment)
    if spec.timeout_seconds is not None and spec.timeout_seconds > options.task_timeout:
        yield Problem(
            place="timeout_seconds",
            message=f"{spec.timeout_seconds:g} s is longer than this host lets a job run",
            remedy=f"give {options.task_timeout:g} s or less, or raise the host's task_timeout (at most 604800)",
        )
    if spec.entrypoint == () and not spec.command:
        yield Problem(
            place="entrypoint", message="without an entrypoint there is nothing to run", remedy="give a command"
        )
    if spec.pull is PullPolicy.ALWAYS:
        yield Problem(
            place="pull",
            message="Cloud Run resolves a tag when a definition is made, not at each run",
            remedy="name the image by its digest, and leave pull out",
        )
    if spec.platform not in (None, "linux/amd64"):
        yield Problem(
            place="platform",
            message=f"Cloud Run runs linux/amd64, not {spec.platform!r}",
            remedy="build the image for linux/amd64, or use another host",
        )
    yield from (
        Problem(
            place=place,
            message=f"Cloud Run has no {what}",
            remedy=f"leave {place} out, or use another host",
        )
        for place, (given, what) in _missing_features(spec).items()
        if given
    )


def _missing_features(spec: ContainerSpec) -> Mapping[str, tuple[object, str]]:
    return {
        "mounts": (spec.mounts, "folder or volume of another machine to mount"),
        "networks": (spec.networks, "networks with names; a VPC is the host's option vpc_connector"),
        "ports": (spec.ports, "ports of a job that others could reach"),
        "user": (spec.user, "other user than the image's"),
        "hostname": (spec.hostname, "host name to be given"),
        "read_only_root": (spec.read_only_root, "read-only root file system"),
        "add_capabilities": (spec.add_capabilities, "capabilities to add"),
        "drop_capabilities": (spec.drop_capabilities, "capabilities to drop"),
        "privileged": (spec.privileged, "privileged containers"),
        "init": (spec.init, "init process to put in front of the command"),
        "resources.pids": (spec.resources.pids, "limit on processes"),
        "resources.gpus": (spec.resources.gpus, "GPUs that this executor could ask for"),
    }


def _secret_problems(spec: ContainerSpec, options: CloudRunOptions) -> Iterator[Problem]:
    try:
        known = native(spec.secrets)
    except InvalidInput as error:
        yield Problem(place="secrets", message=error.problem, remedy=error.remedy)
        return
    if not options.allow_plain_secrets:
        yield from (_plain_secret(name) for name in spec.secrets if name not in known)


def _plain_secret(name: str) -> Problem:
    return Problem(
        place=f"secrets[{name!r}]",
        message=f"everybody who may look at executions would see the value of {name!r}",
        remedy=f"keep it in Secret Manager and write secret://{RESOLVER}/projects/PROJECT/secrets/NAME, "
        "or set the host's allow_plain_secrets",
    )


def _variable_problems(variables: Mapping[str, str]) -> Iterator[Problem]:
    if len(variables) > _MOST_VARIABLES - 2:
        yield Problem(
            place="environment",
            message=f"Cloud Run takes {_MOST_VARIABLES} variables, two of them ours, not {len(variables)}",
            remedy="pass less, or a file's address",
        )
    for name, value in variables.items():
        if _RESERVED.fullmatch(name):
            yield Problem(
                place=f"environment[{name!r}]", message="Cloud Run sets this variable itself", remedy="rename it"
            )
        if len(value.encode("utf-8", "surrogatepass")) > _LONGEST_VALUE_BYTES:
            yield Problem(
                place=f"environment[{name!r}]",
                message=f"Cloud Run takes values of at most {_LONGEST_VALUE_BYTES} bytes",
                remedy="put the value into an object store and pass its address",
            )


def _texts(job: ExecutionRequest) -> Iterator[tuple[str, str]]:
    yield from ((f"command[{number}]", word) for number, word in enumerate(job.spec.command))
    yield from ((f"entrypoint[{number}]", word) for number, word in enumerate(job.spec.entrypoint or ()))
    for name, value in (*job.environment.items(), *job.secrets.items()):
        yield f"environment[{name!r}]", f"{name}{value}"


def _is_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
