"""The process of a command: whether it still lives, and signals to its group."""

import os
import signal

import attrs

from container_manager_core.executors.process.supervisor import start_time


@attrs.frozen(kw_only=True)
class Command:
    """The process that a supervisor started; the leader of a session and process group of its own.

    Attributes:
        pid: its number, and that of its group.
        start_time: when it began, as the system tells it; "0" where it does not.
        started_at: the same as a POSIX time, in seconds.
    """

    pid: int
    start_time: str
    started_at: float

    @classmethod
    def parse(cls, record: str) -> "Command | None":
        """The process from its record; None while the record is not there whole."""
        fields = record.split()
        if len(fields) != 3 or not record.endswith("\n"):
            return None
        return cls(pid=int(fields[0]), start_time=fields[1], started_at=float(fields[2]))

    @property
    def is_alive(self) -> bool:
        """Whether the very process still runs, and not another one that got its number."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return False  # somebody else's process: ours was signalled before
        return start_time(self.pid) == self.start_time

    def signal_group(self, number: signal.Signals) -> None:
        """Signal its group. Does nothing when the number belongs to another process by now.

        A number is not given away while a group still has it: without a process of that number, what is
        left of the group is ours.
        """
        now = start_time(self.pid)
        if now not in ("0", self.start_time):
            return
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return
