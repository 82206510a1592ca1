"""Task definitions: families of numbered revisions."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from local_clouds.fargate.identity import Refused
from local_clouds.fargate.rules import check_definition

_COUNTED = frozenset({"tags"})


class Definitions:
    """Every task definition of the account in one region. Not safe for threads: its owner holds a lock.

    Args:
        prefix: what its ARNs begin with, ``arn:aws:ecs:<region>:<account>:task-definition/``.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._families: dict[str, list[dict[str, Any]]] = {}

    def register(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """One more revision of its family."""
        check_definition(wanted)
        revisions = self._families.setdefault(wanted["family"], [])
        number = len(revisions) + 1
        made = {name: value for name, value in wanted.items() if name not in _COUNTED} | {
            "taskDefinitionArn": f"{self._prefix}{wanted['family']}:{number}",
            "revision": number,
            "status": "ACTIVE",
            "compatibilities": ["EC2", "FARGATE"],
            "registeredAt": time.time(),
        }
        revisions.append(made)
        return made

    def find(self, name: str) -> dict[str, Any]:
        """A definition by ARN, ``family:revision`` or ``family``, which means its latest active one.

        Raises:
            Refused: there is none.
        """
        family, _, number = name.removeprefix(self._prefix).partition(":")
        revisions = [made for made in self._families.get(family, ()) if made["status"] != "DELETED"]
        if number:
            revisions = [made for made in revisions if str(made["revision"]) == number]
        else:
            revisions = [made for made in revisions if made["status"] == "ACTIVE"]
        if not revisions:
            raise Refused("ClientException", "Unable to describe task definition.")
        return revisions[-1]

    def deregister(self, name: str) -> dict[str, Any]:
        """The definition, inactive from now on."""
        found = self.find(name)
        found["status"] = "INACTIVE"
        found["deregisteredAt"] = time.time()
        return found

    def delete(self, names: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """The deleted ones, and the failures for those that are still active."""
        if not 1 <= len(names) <= 10:
            raise Refused("InvalidParameterException", "You can delete at most 10 task definitions at once.")
        deleted, failures = [], []
        for name in names:
            found = self.find(name)
            if found["status"] == "ACTIVE":
                reason = "The specified task definition is still in ACTIVE status. Please deregister it first."
                failures.append({"arn": found["taskDefinitionArn"], "reason": reason})
            else:
                found["status"] = "DELETED"
                deleted.append(found)
        return deleted, failures

    def families(self, prefix: str, status: str) -> list[str]:
        """Names of the families that begin so and have a definition of that status."""
        return sorted(
            family
            for family, revisions in self._families.items()
            if family.startswith(prefix) and any(status in ("ALL", made["status"]) for made in revisions)
        )

    def arns(self, family: str | None, status: str) -> list[str]:
        """ARNs of the definitions of one family, or of all."""
        return [
            made["taskDefinitionArn"]
            for name in sorted(self._families)
            if family in (None, name)
            for made in self._families[name]
            if made["status"] == status
        ]
