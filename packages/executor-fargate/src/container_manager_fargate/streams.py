"""The log streams of one host's tasks: reading, listing and removing them."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from container_manager_fargate.client import Api, Client
from container_manager_fargate.logs import Cursor, Pass
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.translation.definition import CONTAINER
from container_manager_fargate.translation.refusals import NOT_FOUND


class Streams:
    """What the tasks of an installation in a cluster wrote.

    Args:
        client: who is asked.
        options: the host's.
        installation_id: whose tasks.

    Attributes:
        prefix: what the streams' names begin with: another one for each installation and cluster.
    """

    def __init__(self, client: Client, options: FargateOptions, installation_id: str) -> None:
        self._client = client
        self._group = options.log_group
        self._overlap_ms = round(options.log_overlap_seconds * 1000)
        self.prefix = f"cm-{hashlib.sha256(f'{installation_id}/{options.cluster}'.encode()).hexdigest()[:16]}"

    def read(self, task_id: str, cursor: str, limit: int) -> Pass:
        """A look at a task's output; empty for a stream that is not there."""
        return Pass(self._events(task_id, Cursor.parse(cursor).since), cursor, limit, self._overlap_ms)

    def created(self) -> Iterator[tuple[str, int]]:
        """The tasks whose streams exist, and when each stream was made, in milliseconds since 1970."""
        streams = self._client.pages(
            Api.LOGS,
            "describe_log_streams",
            "logStreams",
            accept=(NOT_FOUND,),
            logGroupName=self._group,
            logStreamNamePrefix=f"{self.prefix}/",
        )
        for stream in streams:
            yield stream["logStreamName"].rpartition("/")[2], stream["creationTime"]

    def remove(self, task_id: str) -> None:
        """Remove a task's output; what is not there is no error."""
        self._client.call(
            Api.LOGS,
            "delete_log_stream",
            accept=(NOT_FOUND,),
            logGroupName=self._group,
            logStreamName=self._name(task_id),
        )

    def _events(self, task_id: str, since: int) -> Iterator[Mapping[str, Any]]:
        words: dict[str, Any] = {
            "logGroupName": self._group,
            "logStreamName": self._name(task_id),
            "startFromHead": True,
        }
        if since:
            words["startTime"] = since
        token = None
        while True:
            answer = self._client.call(
                Api.LOGS, "get_log_events", accept=(NOT_FOUND,), **words, **({"nextToken": token} if token else {})
            )
            yield from answer.get("events", ())
            # A page may be empty and not be the last: the end is where the token stays.
            if answer.get("nextForwardToken") in (None, token):
                return
            token = answer["nextForwardToken"]

    def _name(self, task_id: str) -> str:
        return f"{self.prefix}/{CONTAINER}/{task_id}"
