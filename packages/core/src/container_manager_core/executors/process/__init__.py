"""Runs the command as a process of this machine: real output and exit codes, no isolation at all.

One folder an execution, in the state folder::

    <state folder>/<installation>/executions/<name>/lock      held by the supervisor while it lives
                                                    begun     made once: who makes it starts the command
                                                    command   the command's process, written before it begins
                                                    stdout, stderr, work/
    <state folder>/<installation>/ended/<name>                how it ended; appears in one piece
"""

from container_manager_core.executors.process.executor_type import PROCESS
from container_manager_core.executors.process.options import ProcessOptions

__all__ = ["PROCESS", "ProcessOptions"]
