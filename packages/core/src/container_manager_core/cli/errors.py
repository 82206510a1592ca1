"""What a person reads when a command cannot do what it was asked for."""

import typer

from container_manager_core.cli import exits
from container_manager_core.cli.printing import PROGRAM
from container_manager_core.errors import ContainerManagerError, ExecutorError, IllegalTransition, InvalidInput

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""A mistake in the arguments. Newer typer releases bring their own, older ones click's: this is either."""


class Failed(Exception):
    """A command that could not do what it was asked for; its exit code, and the sentence that says why."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence


def code_of(error: ContainerManagerError) -> int:
    """The exit code for an error that a command did not handle itself."""
    if isinstance(error, InvalidInput | IllegalTransition):
        return exits.USAGE
    return exits.NOT_STARTED if isinstance(error, ExecutorError) else exits.PROBLEM


def usage_sentence(error: Exception, command: str) -> str:
    """The sentence for a mistake in the arguments of a command."""
    message = getattr(error, "format_message", error.__str__)().rstrip(".")
    if command in ("run", "submit") and type(error).__name__ == "NoSuchOption":
        return f"{message}; an option of the container's own command stands after '--': {command} IMAGE -- COMMAND..."
    about = f"{PROGRAM} {command}".rstrip()
    return f"{message}; see {about} --help"
