"""Printing for programs and for people, without typer: what has to be quick starts from here."""

import json
import os
import sys
from typing import Any

PROGRAM = "container-manager"


def print_json(facts: Any) -> None:
    """Print an array or object, indented, in ASCII."""
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")


def complain(sentence: str, word: str = "error") -> None:
    """Say on stderr, in one line, what is wrong."""
    line = " ".join(sentence.splitlines())
    try:
        print(f"{PROGRAM}: {word}: {line}", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr.fileno())


def discard(descriptor: int) -> None:
    """Send what is still written to a closed pipe nowhere, so that the interpreter's last flush cannot fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
