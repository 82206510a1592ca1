"""Commands: a list of words, or a string split as a POSIX shell splits words."""

import shlex
from collections.abc import Iterable

from container_manager_core.errors import InvalidInput
from container_manager_core.freezing import frozen_sequence

_OPERATOR_CHARACTERS = "();<>|&\n"


def parse_command(command: str | Iterable[str], place: str = "command") -> tuple[str, ...]:
    """The words of a command.

    A string is split as a POSIX shell splits words; nothing is expanded. An unquoted shell
    operator is refused, because without a shell it would be passed on as an argument.

    Raises:
        InvalidInput: unbalanced quotes, an unquoted operator, a word that is no string or
            that holds a NUL, which no platform can pass on.
    """
    if isinstance(command, str):
        _refuse_what_needs_a_shell(command, place)
        words = tuple(shlex.split(command))
    else:
        words = frozen_sequence(command, place)
    for number, word in enumerate(words):
        if not isinstance(word, str):
            raise InvalidInput(f"{place}[{number}]", f"{word!r} is no string", "write each word as a string")
        if "\0" in word:
            raise InvalidInput(
                f"{place}[{number}]", f"{word!r} holds a NUL character", "no command line can carry one: remove it"
            )
    return words


def _refuse_what_needs_a_shell(command: str, place: str) -> None:
    quote, quote_column, escaped = "", 0, False
    for column, character in enumerate(command.rstrip(), start=1):
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote, quote_column = character, column
        elif character in _OPERATOR_CHARACTERS:
            raise InvalidInput(
                place,
                f"the shell operator {character!r} at column {column} of {command!r} is not quoted, "
                "and no shell would read it",
                f"write sh -c {shlex.quote(command)}, or quote the operator",
            )
    if quote:
        raise InvalidInput(
            place,
            f"the quote {quote} at column {quote_column} of {command!r} is not closed",
            "close it, or pass the command as a list of words",
        )
    if escaped:
        raise InvalidInput(place, f"{command!r} ends with a backslash that escapes nothing", "remove it, or quote it")
