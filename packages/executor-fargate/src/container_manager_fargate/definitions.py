"""Task definitions by the hash of their content: registered once, reused, and removed when nobody uses them.

A family's name is ``cm-<installation>-<period>-<hash>``, and it has one revision. Periods follow each other every
``definition_days``: what is still used is registered anew in the next one, and what was not, is removed
after it. So a list of names tells what is old, and nothing has to be written when a definition is used.
"""

import hashlib
import re
import threading
from collections.abc import Sequence

from container_manager_core.clock import Clock
from container_manager_core.errors import ExecutorError
from container_manager_core.log import get_logger
from container_manager_core.remembering import Recent
from container_manager_fargate.client import Api, Client
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.translation import refusals
from container_manager_fargate.translation.definition import INSTALLATION_TAG, Order

_log = get_logger()

_DAY_SECONDS = 86_400
_UNKNOWN = "ClientException"
_DELETED_AT_ONCE = 10
"""Most definitions of one DeleteTaskDefinitions; its API reference, November 2026."""


class Definitions:
    """The task definitions of one installation. Safe for several threads.

    Args:
        client: who is asked.
        options: the host's.
        installation_id: whose they are.
        clock: says which period it is.
    """

    def __init__(self, client: Client, options: FargateOptions, installation_id: str, clock: Clock) -> None:
        self._client = client
        self._options = options
        self._installation_id = installation_id
        self._prefix = f"cm-{hashlib.sha256(installation_id.encode()).hexdigest()[:12]}-"
        self._clock = clock
        self._arns: Recent[str, str] = Recent()
        self._lock = threading.Lock()
        self._collected_in: int | None = None
        self._has_log_group = False

    def arn(self, order: Order) -> str:
        """The definition of an order; registered if nobody has done so yet."""
        family = f"{self._prefix}{self._period()}-{order.content_hash}"
        known = self._arns.get(family)
        if known is not None:
            return known
        with self._lock:
            known = self._arns.get(family) or self._found(family) or self._registered(family, order)
            self._arns.put(family, known)
            return known

    def forget(self, order: Order) -> None:
        """Somebody removed the definition: the next `arn` looks again."""
        self._arns.forget(f"{self._prefix}{self._period()}-{order.content_hash}")

    def collect(self) -> Sequence[str]:
        """Remove what was not used in this period or the one before; the names of what was removed."""
        families = self._client.pages(
            Api.ECS, "list_task_definition_families", "families", familyPrefix=self._prefix, status="ACTIVE"
        )
        old = [family for family in families if self._period_of(family) < self._period() - 1]
        arns = [
            arn
            for family in old
            for arn in self._client.pages(
                Api.ECS, "list_task_definitions", "taskDefinitionArns", familyPrefix=family, status="ACTIVE"
            )
        ]
        for arn in arns:
            self._client.call(Api.ECS, "deregister_task_definition", taskDefinition=arn)
        for start in range(0, len(arns), _DELETED_AT_ONCE):
            self._client.call(
                Api.ECS, "delete_task_definitions", taskDefinitions=arns[start : start + _DELETED_AT_ONCE]
            )
        return old

    def _found(self, family: str) -> str | None:
        answer = self._client.call(Api.ECS, "describe_task_definition", accept=(_UNKNOWN,), taskDefinition=family)
        return str(answer["taskDefinition"]["taskDefinitionArn"]) if answer else None

    def _registered(self, family: str, order: Order) -> str:
        self._ensure_log_group()
        tags = [{"key": INSTALLATION_TAG, "value": self._installation_id}]
        answer = self._client.call(Api.ECS, "register_task_definition", family=family, tags=tags, **order.definition)
        self._collect_sometimes()
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def _ensure_log_group(self) -> None:
        if self._has_log_group:
            return
        group = self._options.log_group
        found = self._client.call(Api.LOGS, "describe_log_groups", logGroupNamePrefix=group, limit=1)
        if not any(each["logGroupName"] == group for each in found.get("logGroups", ())):
            self._client.call(Api.LOGS, "create_log_group", accept=(refusals.EXISTS,), logGroupName=group)
            if self._options.log_retention_days:
                self._client.call(
                    Api.LOGS,
                    "put_retention_policy",
                    logGroupName=group,
                    retentionInDays=self._options.log_retention_days,
                )
        self._has_log_group = True

    def _collect_sometimes(self) -> None:
        """Once a period and process; a failure is told and not worth a job."""
        if self._collected_in == self._period():
            return
        self._collected_in = self._period()
        try:
            removed = self.collect()
        except ExecutorError as error:
            _log.warning("definitions.not_collected", error=str(error))
            return
        if removed:
            _log.info("definitions.collected", families=list(removed))

    def _period(self) -> int:
        return int(self._clock.now().timestamp() // (self._options.definition_days * _DAY_SECONDS))

    def _period_of(self, family: str) -> int:
        """The period in a family's name; that of a name which is none of ours never comes to its end."""
        match = re.fullmatch(rf"{self._prefix}(\d+)-[0-9a-f]{{20}}", family)
        return int(match[1]) if match else self._period()
