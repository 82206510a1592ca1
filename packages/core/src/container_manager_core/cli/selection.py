"""Which jobs a command is about: ids, or filters that many jobs match; and how an operation on many is told."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from container_manager_core.cli import exits
from container_manager_core.cli.printing import PROGRAM, print_json
from container_manager_core.errors import InvalidInput

if TYPE_CHECKING:
    from container_manager_core.bulk import BulkResult
    from container_manager_core.job import JobStatus
    from container_manager_core.manager import ContainerManager
    from container_manager_core.store.protocol import JobQuery

JobIds = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids, or beginnings of them.", show_default=False)
]
Statuses = Annotated[
    list[str] | None,
    typer.Option("--status", "-s", metavar="STATUS", help="All in this status. Repeatable.", show_default=False),
]
OfHost = Annotated[str | None, typer.Option("--host", metavar="HOST", help="All of this host.")]
OfName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="All of this name.")]
OfLabel = Annotated[str | None, typer.Option("--label", "-l", metavar="K=V", help="All with this label.")]
OfUser = Annotated[str | None, typer.Option("--user", metavar="NAME", help="All of this user.")]
Everything = Annotated[bool, typer.Option("--all", help="All there are.")]


@attrs.frozen(kw_only=True)
class Selection:
    """What a command was told of the jobs that it is about; what is given has to be true of each of them.

    Attributes:
        ids: as they were typed.
        statuses, host, name, label, user: filters.
        everything: whether all jobs are meant, rather than none, when nothing else is given.
    """

    ids: Sequence[str] = ()
    statuses: Sequence[str] = ()
    host: str | None = None
    name: str | None = None
    label: str | None = None
    user: str | None = None
    everything: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether the jobs are described, not named.

        Raises:
            InvalidInput: they are both, or neither.
        """
        filters = any((self.statuses, self.host, self.name, self.label, self.user, self.everything))
        if filters and self.ids:
            raise InvalidInput("ID...", "jobs are named and described at once", "give ids, or filters")
        if not filters and not self.ids:
            raise InvalidInput("ID...", "no jobs are named", "give ids, or filters such as --status, --host or --all")
        return filters

    def query(self, manager: "ContainerManager") -> "JobQuery":
        """The query for the jobs."""
        from container_manager_core.store.protocol import JobQuery

        return JobQuery(
            ids=[manager.resolve(job_id) for job_id in self.ids] or None,
            statuses=statuses_of(self.statuses),
            host=self.host,
            name=self.name,
            label=label_of(self.label),
            user=self.user,
        )


def statuses_of(words: Sequence[str]) -> tuple["JobStatus", ...]:
    """The statuses that words stand for."""
    from container_manager_core.job import JobStatus

    for word in words:
        if word not in set(JobStatus):
            known = ", ".join(status.value for status in JobStatus)
            raise InvalidInput("--status", f"{word!r} is no status", f"use one of: {known}")
    return tuple(JobStatus(word) for word in words)


def label_of(word: str | None) -> tuple[str, str] | None:
    """The name and value of ``name=value``."""
    if word is None:
        return None
    name, _, value = word.partition("=")
    return name, value


def tell_progress(done: int, total: int) -> None:
    """Say on a terminal how far an operation is."""
    if sys.stderr.isatty():
        print(f"{PROGRAM}: {done} of {total} jobs", file=sys.stderr, flush=True)


def print_result(result: "BulkResult", what: str, as_json: bool) -> int:
    """Print what an operation on many jobs came to; the exit code, which is 1 when some were left.

    Args:
        what: was done with them, for example ``moved``.
    """
    if as_json:
        left = [{"id": str(job_id), "reason": reason} for job_id, reason in result.left]
        print_json({"done": [str(job_id) for job_id in result.done], "left": left})
    else:
        for job_id, reason in result.left:
            print(f"{job_id} left: {reason}")
        print(f"{what}: {len(result.done)}" + (f", left: {len(result.left)}" if result.left else ""))
    return exits.PROBLEM if result.left else exits.OK
