"""The ECS API, as far as tasks on Fargate need it."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local_clouds.fargate.definitions import Definitions
from local_clouds.fargate.faults import Fault, Faults
from local_clouds.fargate.identity import Refused
from local_clouds.fargate.rules import check_run
from local_clouds.fargate.tasks import Ground, Task

Answer = dict[str, Any]

_PAGE = 100
_MOST_DESCRIBED = 100
_NO_CAPACITY = {
    "reason": "Capacity is unavailable at this time. Please try again later or in a different availability zone"
}


class Ecs:
    """One account's ECS in one region. Safe for threads.

    Args:
        ground: what tasks stand on.
        clusters: the names of those that exist.
        faults: what goes wrong.
        most_vcpus: the account's quota of vCPUs that run at once.
    """

    def __init__(self, ground: Ground, clusters: Sequence[str], faults: Faults, most_vcpus: float) -> None:
        self._ground = ground
        self._prefix = f"arn:aws:ecs:{ground.region}:{ground.account_id}:"
        self._clusters = frozenset(clusters)
        self._faults = faults
        self._most_vcpus = most_vcpus
        self._definitions = Definitions(f"{self._prefix}task-definition/")
        self._tasks: dict[str, Task] = {}
        self._tokens: dict[str, tuple[str, list[str]]] = {}
        self._lock = threading.RLock()
        self._operations: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
            "DeleteTaskDefinitions": self._delete_task_definitions,
            "DeregisterTaskDefinition": self._deregister_task_definition,
            "DescribeClusters": self._describe_clusters,
            "DescribeTaskDefinition": self._describe_task_definition,
            "DescribeTasks": self._describe_tasks,
            "ListTaskDefinitionFamilies": self._list_task_definition_families,
            "ListTaskDefinitions": self._list_task_definitions,
            "ListTasks": self._list_tasks,
            "RegisterTaskDefinition": self._register_task_definition,
            "StopTask": self._stop_task,
        }

    def call(self, action: str, wanted: Mapping[str, Any], fault: Fault | None) -> Answer:
        """The answer to one call.

        Args:
            action: such as ``RunTask``.
            wanted: the request.
            fault: how it goes wrong.

        Raises:
            Refused: the platform refuses it.
        """
        with self._lock:
            if action == "RunTask":
                return self._run_task(wanted, fault)
            if action not in self._operations:
                raise Refused("InvalidAction", f"This local cloud does not know {action}.")
            return self._operations[action](wanted)

    @property
    def tasks(self) -> list[Task]:
        """Every task there ever was."""
        with self._lock:
            return list(self._tasks.values())

    def stop_all(self) -> None:
        """Stop every task, and wait for their ends."""
        for task in self.tasks:
            if not task.stopped:
                task.stop("The cloud is switched off", "TerminationNotice")
        for task in self.tasks:
            task.join(60)

    def _register_task_definition(self, wanted: Mapping[str, Any]) -> Answer:
        return {"taskDefinition": self._definitions.register(wanted)}

    def _describe_task_definition(self, wanted: Mapping[str, Any]) -> Answer:
        return {"taskDefinition": self._definitions.find(wanted["taskDefinition"])}

    def _deregister_task_definition(self, wanted: Mapping[str, Any]) -> Answer:
        return {"taskDefinition": self._definitions.deregister(wanted["taskDefinition"])}

    def _delete_task_definitions(self, wanted: Mapping[str, Any]) -> Answer:
        deleted, failures = self._definitions.delete(wanted["taskDefinitions"])
        return {"taskDefinitions": deleted, "failures": failures}

    def _list_task_definition_families(self, wanted: Mapping[str, Any]) -> Answer:
        found = self._definitions.families(wanted.get("familyPrefix", ""), wanted.get("status", "ACTIVE"))
        return self._page("families", found, wanted)

    def _list_task_definitions(self, wanted: Mapping[str, Any]) -> Answer:
        found = self._definitions.arns(wanted.get("familyPrefix"), wanted.get("status", "ACTIVE"))
        return self._page("taskDefinitionArns", found, wanted)

    def _describe_clusters(self, wanted: Mapping[str, Any]) -> Answer:
        found: list[Answer] = []
        failures = []
        for name in wanted.get("clusters") or ["default"]:
            name = name.rpartition("/")[2]
            arn = f"{self._prefix}cluster/{name}"
            if name not in self._clusters:
                failures.append({"arn": arn, "reason": "MISSING"})
                continue
            running = [task for task in self._tasks.values() if task.cluster == name and not task.stopped]
            found.append(
                {
                    "clusterArn": arn,
                    "clusterName": name,
                    "status": "ACTIVE",
                    "runningTasksCount": len(running),
                    "pendingTasksCount": 0,
                }
            )
        return {"clusters": found, "failures": failures}

    def _run_task(self, wanted: Mapping[str, Any], fault: Fault | None) -> Answer:
        cluster = self._cluster(wanted)
        token = wanted.get("clientToken")
        if token in self._tokens:
            return self._repeated(token, wanted)
        check_run(wanted)
        definition = self._active_definition(wanted["taskDefinition"])
        self._check_quota(int(definition["cpu"]))
        if fault is Fault.CAPACITY:
            return {"tasks": [], "failures": [_NO_CAPACITY]}
        task = Task(self._ground, cluster, definition, wanted)
        self._tasks[task.arn] = task
        if token is not None:
            self._tokens[token] = (_fingerprint(wanted), [task.arn])
        answer = {"tasks": [task.describe(with_tags=True)], "failures": []}
        task.start()
        if fault is Fault.CAPACITY_STARTED:
            return {"tasks": [], "failures": [_NO_CAPACITY]}
        return answer

    def _repeated(self, token: str, wanted: Mapping[str, Any]) -> Answer:
        fingerprint, arns = self._tokens[token]
        if fingerprint != _fingerprint(wanted):
            raise ConflictingToken(arns)
        return {"tasks": [self._tasks[arn].describe(with_tags=True) for arn in arns], "failures": []}

    def _active_definition(self, name: str) -> Mapping[str, Any]:
        try:
            definition = self._definitions.find(name)
        except Refused:
            raise Refused("ClientException", "TaskDefinition not found.") from None
        if definition["status"] != "ACTIVE":
            raise Refused("ClientException", "TaskDefinition is inactive")
        return definition

    def _check_quota(self, cpu: int) -> None:
        used = sum(task.cpu for task in self._tasks.values() if not task.stopped)
        if used + cpu > self._most_vcpus * 1024:
            raise Refused("ClientException", "You've reached the limit on the number of vCPUs you can run concurrently")

    def _describe_tasks(self, wanted: Mapping[str, Any]) -> Answer:
        cluster = self._cluster(wanted)
        names = wanted["tasks"]
        if not 1 <= len(names) <= _MOST_DESCRIBED:
            raise Refused("InvalidParameterException", "Task identifiers can be at most 100.")
        found, failures = [], []
        for name in names:
            arn = name if name.startswith("arn:") else f"{self._prefix}task/{cluster}/{name}"
            task = self._tasks.get(arn)
            if task is None or self._is_hidden(task):
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                found.append(task.describe(with_tags="TAGS" in (wanted.get("include") or ())))
        return {"tasks": found, "failures": failures}

    def _list_tasks(self, wanted: Mapping[str, Any]) -> Answer:
        cluster = self._cluster(wanted)
        desired = wanted.get("desiredStatus", "RUNNING")
        found = [
            task.arn
            for task in self._tasks.values()
            if task.cluster == cluster
            and task.desired == desired
            and wanted.get("startedBy") in (None, task.started_by)
            and wanted.get("family") in (None, task.family)
            and not self._is_hidden(task)
        ]
        return self._page("taskArns", found, wanted)

    def _stop_task(self, wanted: Mapping[str, Any]) -> Answer:
        cluster = self._cluster(wanted)
        name = wanted["task"]
        task = self._tasks.get(name if name.startswith("arn:") else f"{self._prefix}task/{cluster}/{name}")
        if task is None:
            raise Refused("InvalidParameterException", "The referenced task was not found.")
        task.stop(wanted.get("reason") or "Task stopped by user")
        return {"task": task.describe(with_tags=False)}

    def _cluster(self, wanted: Mapping[str, Any]) -> str:
        name = str(wanted.get("cluster") or "default").rpartition("/")[2]
        if name not in self._clusters:
            raise Refused("ClusterNotFoundException", "Cluster not found.")
        return name

    def _is_hidden(self, task: Task) -> bool:
        return (datetime.now(UTC) - task.created_at).total_seconds() < self._faults.hidden_seconds

    def _page(self, name: str, entries: Sequence[str], wanted: Mapping[str, Any]) -> Answer:
        size = min(wanted.get("maxResults") or _PAGE, self._faults.page_size or _PAGE)
        start = int(wanted.get("nextToken") or 0)
        answer: Answer = {name: list(entries[start : start + size])}
        if start + size < len(entries):
            answer["nextToken"] = str(start + size)
        return answer


class ConflictingToken(Refused):
    """The token of a request was used for another one."""

    def __init__(self, arns: Sequence[str]) -> None:
        super().__init__("ConflictException", "The client token was used for a request with other parameters.")
        self.arns = list(arns)


def _fingerprint(wanted: Mapping[str, Any]) -> str:
    return json.dumps(wanted, sort_keys=True)
