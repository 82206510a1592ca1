"""What a case wants a command to do, in steps that a shell, or a double of a platform, can take."""

import shlex
from collections.abc import Sequence

import attrs

from container_manager_core.executor import Stream

FLOOD_LINE = b"0123456789abcdefghijklmnopqrstuvwxyz\n"


@attrs.frozen
class Say:
    """Write bytes to a stream."""

    data: bytes
    stream: Stream = Stream.STDOUT


@attrs.frozen
class Flood:
    """Write ``size`` bytes to each of the streams, to all at the same time; as many lines or as a part of one."""

    size: int
    streams: tuple[Stream, ...] = (Stream.STDOUT,)
    lines: bool = True

    @property
    def data(self) -> bytes:
        """What one stream gets."""
        line = FLOOD_LINE if self.lines else FLOOD_LINE.rstrip(b"\n")
        return (line * (self.size // len(line) + 1))[: self.size]


@attrs.frozen
class Pause:
    """Do nothing for a number of seconds."""

    seconds: float


@attrs.frozen
class Exit:
    """End with a code."""

    code: int


@attrs.frozen
class PrintVariables:
    """Write each variable's value as ``<value>``; an unset one as ``<unset>``."""

    names: tuple[str, ...]


@attrs.frozen
class PrintArguments:
    """Be called with these further arguments, and write each as ``<value>``."""

    words: tuple[str, ...]


@attrs.frozen
class PrintFolder:
    """Write the working directory and a newline."""


@attrs.frozen
class IgnoreTermination:
    """Ignore SIGTERM from here on."""


@attrs.frozen
class OnTermination:
    """Answer SIGTERM by writing bytes to stdout and ending with a code."""

    data: bytes
    code: int


@attrs.frozen
class Tick:
    """Write a dot each tenth of a second, for ever."""


@attrs.frozen
class ChildTick:
    """The same in a child process, while the command waits for it."""


@attrs.frozen
class Burn:
    """Use some tenths of a second of CPU time."""


@attrs.frozen
class Hoard:
    """Take memory until there is no more."""


Step = (
    Say
    | Flood
    | Pause
    | Exit
    | PrintVariables
    | PrintArguments
    | PrintFolder
    | IgnoreTermination
    | OnTermination
    | Tick
    | ChildTick
    | Burn
    | Hoard
)

_TICK = "while :; do printf .; sleep 0.1; done"


def render_shell(steps: Sequence[Step]) -> tuple[str, tuple[str, ...]]:
    """The steps as a POSIX shell script, and the arguments that the script is to be called with.

    Uses ``printf``, ``sleep``, ``yes``, ``tr``, ``head`` and ``tail`` beside the shell itself.
    """
    words = tuple(word for step in steps if isinstance(step, PrintArguments) for word in step.words)
    return "\n".join(_line(step) for step in steps), words


def _line(step: Step) -> str:
    match step:
        case Say(data, stream):
            return _print(data) + _redirect(stream)
        case Flood(size, streams, lines):
            source = f"yes {FLOOD_LINE.decode().rstrip()}" + ("" if lines else " | tr -d '\\n'")
            parts = [f"{{ {source} | head -c {size}{_redirect(stream)}; }} &" for stream in streams]
            return " ".join([*parts, "wait"])
        case Pause(seconds):
            # In the background, because a shell answers a signal only between commands.
            return f"sleep {seconds:g} & wait $!"
        case Exit(code):
            return f"exit {code}"
        case PrintVariables(names):
            return "; ".join(f"printf '<%s>' \"${{{name}-unset}}\"" for name in names)
        case OnTermination(data, code):
            return f"trap {shlex.quote(f'{_print(data)}; exit {code}')} TERM"
        case _:
            return _CONSTANT_LINES[type(step)]


_CONSTANT_LINES: dict[type, str] = {
    PrintArguments: "printf '<%s>' \"$@\"",
    PrintFolder: "pwd",
    IgnoreTermination: "trap '' TERM",
    Tick: _TICK,
    ChildTick: f"( {_TICK} ) & wait",
    Burn: "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done",
    Hoard: "exec tail /dev/zero",
}


def _print(data: bytes) -> str:
    return "printf '" + "".join(f"\\{byte:03o}" for byte in data) + "'"


def _redirect(stream: Stream) -> str:
    return " >&2" if stream is Stream.STDERR else ""
