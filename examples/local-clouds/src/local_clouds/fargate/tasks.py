"""One task's life: from PROVISIONING over RUNNING to STOPPED, with a real container in it."""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import docker

from local_clouds.containers import Container, End, Wanted
from local_clouds.fargate.logdriver import LogDriver

SecretValue = Callable[[str], str]
"""Gives the value of a secret by its ARN or name; raises `LookupError` when there is none."""


@attrs.frozen(kw_only=True)
class Ground:
    """What tasks stand on.

    Attributes:
        name: of the cloud, on its containers.
        engine: runs the containers.
        logs: takes their output.
        secret_value: gives the values of secrets.
        region, account_id: whose tasks they are.
        most_cpus: what a container gets at most: the engine takes no limit above what its machine has.
    """

    name: str
    engine: docker.DockerClient
    logs: LogDriver
    secret_value: SecretValue
    region: str
    account_id: str
    most_cpus: float


class Task:
    """A task that was accepted. Its container is followed by a thread.

    Args:
        ground: what it stands on.
        cluster: its cluster's name.
        definition: the task definition.
        wanted: the RunTask request.
    """

    def __init__(self, ground: Ground, cluster: str, definition: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        self._ground = ground
        self._definition = definition
        self._wanted = wanted
        self._container_definition: Mapping[str, Any] = definition["containerDefinitions"][0]
        self._lock = threading.Lock()
        self.id = secrets.token_hex(16)
        prefix = f"arn:aws:ecs:{ground.region}:{ground.account_id}"
        self.arn = f"{prefix}:task/{cluster}/{self.id}"
        self.cluster = cluster
        self.family: str = definition["family"]
        self.started_by: str | None = wanted.get("startedBy")
        self.created_at = datetime.now(UTC)
        self.cpu, self.memory_mib = int(definition["cpu"]), int(definition["memory"])
        self._times: dict[str, datetime] = {"createdAt": self.created_at}
        self._status, self._desired = "PROVISIONING", "RUNNING"
        self._stop_code: str | None = None
        self._reason: str | None = None
        self._end: End | None = None
        self._container: Container | None = None
        self._container_reason: str | None = None
        self._cluster_arn = f"{prefix}:cluster/{cluster}"

    @property
    def stopped(self) -> bool:
        return self._status == "STOPPED"

    @property
    def tags(self) -> Sequence[Mapping[str, str]]:
        return self._wanted.get("tags") or ()

    @property
    def desired(self) -> str:
        return self._desired

    def start(self) -> None:
        """Begin; returns at once."""
        with self._lock:
            self._times["pullStartedAt"] = datetime.now(UTC)
            self._status = "PENDING"
        try:
            environment = self._environment()
        except LookupError as error:
            self._fail(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
                f"failed: unable to retrieve secret from asm: service call has been retried 1 time(s): {error}"
            )
            return
        log = (self._container_definition.get("logConfiguration") or {}).get("options")
        problem = self._ground.logs.open(log["awslogs-group"], self._stream(log)) if log else None
        if problem is not None:
            self._fail(problem)
            return
        self._container = Container(
            self._ground.engine,
            self._ground.name,
            self._engine_configuration(environment),
            on_start=self._started,
            on_line=self._line,
            on_end=self._ended,
        )
        self._container.start()

    def stop(self, reason: str, code: str = "UserInitiated") -> None:
        """Ask it to stop; returns at once."""
        with self._lock:
            if self._desired == "STOPPED":
                return
            self._desired, self._stop_code, self._reason = "STOPPED", code, reason
            self._times["stoppingAt"] = datetime.now(UTC)
        grace = self._container_definition.get("stopTimeout", 30)
        if self._container is not None:
            threading.Thread(target=self._container.stop, args=(grace,), daemon=True).start()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the end of its container."""
        if self._container is not None:
            self._container.join(timeout_seconds)

    def describe(self, *, with_tags: bool) -> dict[str, Any]:
        """The task as DescribeTasks tells it."""
        with self._lock:
            wanted = self._wanted
            container = {
                "containerArn": self.arn.replace(":task/", ":container/"),
                "taskArn": self.arn,
                "name": self._container_definition["name"],
                "image": self._container_definition["image"],
                "lastStatus": self._status,
                "exitCode": self._end.exit_code if self._end else None,
                "reason": self._container_reason,
            }
            facts: dict[str, Any] = {
                "taskArn": self.arn,
                "clusterArn": self._cluster_arn,
                "taskDefinitionArn": self._definition["taskDefinitionArn"],
                "group": f"family:{self.family}",
                "startedBy": self.started_by,
                "launchType": "FARGATE",
                "capacityProviderName": (wanted.get("capacityProviderStrategy") or [{}])[0].get("capacityProvider"),
                "platformVersion": "1.4.0",
                "platformFamily": "Linux",
                "availabilityZone": f"{self._ground.region}a",
                "cpu": str(self.cpu),
                "memory": str(self.memory_mib),
                "lastStatus": self._status,
                "desiredStatus": self._desired,
                "stopCode": self._stop_code,
                "stoppedReason": self._reason,
                "overrides": wanted.get("overrides") or {},
                "containers": [{name: value for name, value in container.items() if value is not None}],
                "attachments": [
                    {
                        "type": "ElasticNetworkInterface",
                        "status": "DELETED" if self.stopped else "ATTACHED",
                        "details": [{"name": "privateIPv4Address", "value": f"10.0.0.{int(self.id[:2], 16)}"}],
                    }
                ],
                **{name: time.timestamp() for name, time in self._times.items()},
            }
            if with_tags:
                facts["tags"] = list(self.tags)
        return {name: value for name, value in facts.items() if value is not None}

    def _override(self) -> Mapping[str, Any]:
        overrides = (self._wanted.get("overrides") or {}).get("containerOverrides") or [{}]
        return overrides[0]  # type: ignore[no-any-return]

    def _environment(self) -> dict[str, str]:
        pairs = [*self._container_definition.get("environment", ()), *self._override().get("environment", ())]
        given = {pair["name"]: pair["value"] for pair in pairs}
        kept = {
            secret["name"]: self._ground.secret_value(secret["valueFrom"])
            for secret in self._container_definition.get("secrets", ())
        }
        return {**given, **kept, "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", "AWS_REGION": self._ground.region}

    def _engine_configuration(self, environment: Mapping[str, str]) -> Wanted:
        definition = self._container_definition
        return Wanted(
            name=f"local-fargate-{self.id}",
            image=definition["image"],
            command=self._override().get("command") or definition.get("command") or (),
            entrypoint=definition.get("entryPoint"),
            environment=environment,
            user=definition.get("user"),
            working_directory=definition.get("workingDirectory"),
            memory_mib=self.memory_mib,
            cpus=min(self.cpu / 1024, self._ground.most_cpus),
            labels={tag["key"]: tag["value"] for tag in self.tags},
        )

    def _stream(self, log: Mapping[str, str]) -> str:
        return f"{log['awslogs-stream-prefix']}/{self._container_definition['name']}/{self.id}"

    def _started(self, container_id: str) -> None:
        with self._lock:
            now = datetime.now(UTC)
            self._times |= {"pullStoppedAt": now, "startedAt": now}
            self._status = "RUNNING"

    def _line(self, stream: str, written_at: datetime, line: bytes) -> None:
        log = (self._container_definition.get("logConfiguration") or {}).get("options")
        if log:
            self._ground.logs.write(log["awslogs-group"], self._stream(log), written_at, line)

    def _ended(self, end: End) -> None:
        if end.problem and not (self._desired == "STOPPED" and end.exit_code is None and not end.image_problem):
            self._fail(_start_problem(end, self._container_definition["image"]))
            return
        self._ground.logs.flush()
        with self._lock:
            self._end = end
            if end.out_of_memory:
                self._container_reason = "OutOfMemoryError: Container killed due to memory usage"
            if end.started_at is not None:
                self._times["startedAt"] = end.started_at
            self._stop_code = self._stop_code or "EssentialContainerExited"
            self._reason = self._reason or "Essential container in task exited"
            self._close(end.finished_at)

    def _fail(self, reason: str) -> None:
        with self._lock:
            self._stop_code, self._reason = "TaskFailedToStart", reason
            self._container_reason = reason
            self._close(None)

    def _close(self, finished_at: datetime | None) -> None:
        now = datetime.now(UTC)
        self._times |= {"executionStoppedAt": finished_at or now, "stoppedAt": now}
        self._times.setdefault("stoppingAt", now)
        self._status = self._desired = "STOPPED"


def _start_problem(end: End, image: str) -> str:
    if end.image_problem:
        return (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
            f"failed to resolve ref {image}: {end.problem}"
        )
    return (
        "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: "
        f"failed to create shim task: {end.problem}"
    )
