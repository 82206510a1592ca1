"""Other queues of jobs, each used as its own documentation says, to work off tasks that do nothing."""

from typing import Protocol


class Peer(Protocol):
    """A queue that stands beside ours.

    Attributes:
        name: of its distribution.
    """

    name: str

    def add(self, number: int) -> None:
        """Put so many tasks into its queue."""
        ...

    def work_off(self) -> None:
        """Fetch, run and finish until its queue is empty, as its own worker does, in this process and thread."""
        ...

    def finished(self) -> int:
        """How many tasks have ended well by its own account, since its database was made."""
        ...
