"""What the platform refuses. Limits as https://cloud.google.com/run/quotas and the pages on CPU, memory and task
timeouts gave them, read in November 2026; where a page gives none, the comment says so."""

import re
from collections.abc import Mapping

import grpc
from google.cloud import run_v2

from local_clouds.cloudrun.refusal import Refusal, invalid

MOST_JOBS = 1000
MOST_RUNNING_EXECUTIONS = 1000
MOST_RETRIES = 10
LONGEST_TIMEOUT_SECONDS = 168 * 3600
LONGEST_VARIABLE_BYTES = 32_768
MOST_VARIABLES = 1000
LONGEST_JOB_NAME = 49
"""A job's name and the token of a run are to be under 63 characters together; the console says 49 for the name."""

_JOB_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_UNITS = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024, "M": 1e6 / 1048576, "G": 1e9 / 1048576, "": 1 / 1048576}
_MEMORY = {1: (512, 4096), 2: (512, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
_RESERVED = {"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT"}


def check_job(job_id: str, job: run_v2.Job, existing: int) -> None:
    """Refuse a job that the platform would."""
    if len(job_id) > LONGEST_JOB_NAME or not _JOB_NAME.fullmatch(job_id):
        raise invalid(
            f"job_id: only lowercase, digits, and hyphens; must begin with letter, and cannot end with hyphen; "
            f"must be less than {LONGEST_JOB_NAME + 1} characters, got '{job_id}'"
        )
    if existing >= MOST_JOBS:
        raise Refusal(
            grpc.StatusCode.RESOURCE_EXHAUSTED, f"Quota exceeded for total number of jobs: the limit is {MOST_JOBS}."
        )
    task = job.template.template
    if len(task.containers) != 1 or not task.containers[0].image:
        raise invalid("template.template.containers: exactly one container with an image is required here")
    if task.max_retries > MOST_RETRIES:
        raise invalid(f"template.template.max_retries: must be at most {MOST_RETRIES}, got {task.max_retries}")
    _check_labels({**job.labels, **job.template.labels})
    check_timeout(task.timeout.total_seconds() if task.timeout else 600)
    size_of(task.containers[0])
    check_variables(task.containers[0])


def check_timeout(seconds: float) -> None:
    """Refuse a task timeout that is too long."""
    if not 0 < seconds <= LONGEST_TIMEOUT_SECONDS:
        raise invalid(f"timeout: must be between 1 and {LONGEST_TIMEOUT_SECONDS} seconds, got {seconds:g}")


def check_variables(container: run_v2.Container) -> None:
    """Refuse variables that are too many, too long or the platform's own."""
    if len(container.env) > MOST_VARIABLES:
        raise invalid(f"containers[0].env: at most {MOST_VARIABLES} variables, got {len(container.env)}")
    for variable in container.env:
        if not variable.name or "=" in variable.name or variable.name in _RESERVED:
            raise invalid(f"containers[0].env: '{variable.name}' cannot be the name of a variable")
        if len(variable.value.encode()) > LONGEST_VARIABLE_BYTES:
            raise invalid(f"containers[0].env: the value of '{variable.name}' is longer than 32768 bytes")


def size_of(container: run_v2.Container) -> tuple[int, int]:
    """CPUs and MiB of memory; refused where the platform has no such size."""
    limits: Mapping[str, str] = container.resources.limits
    cpu_text, memory_text = limits.get("cpu", "1"), limits.get("memory", "512Mi")
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", memory_text)
    if match is None or match[2] not in _UNITS:
        raise invalid(f"containers[0].resources.limits.memory: '{memory_text}' is no amount of memory")
    memory = round(float(match[1]) * _UNITS[match[2]])
    cpus = round(int(cpu_text[:-1]) / 1000, 3) if cpu_text.endswith("m") else float(cpu_text)
    if cpus not in _MEMORY:
        raise invalid(
            f"containers[0].resources.limits.cpu: Invalid value specified for cpu. The following are allowed: "
            f"1, 2, 4, 6, 8; got {cpu_text}"
        )
    least, most = _MEMORY[int(cpus)]
    if not least <= memory <= most:
        raise invalid(
            f"containers[0].resources.limits.memory: Invalid value specified for memory. For {cpus} CPU, memory must "
            f"be between {least}Mi and {most}Mi inclusive."
        )
    return int(cpus), memory


def _check_labels(labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"labels: '{key}={value}' is no label: lowercase letters, digits, '_' and '-', at most 63")
