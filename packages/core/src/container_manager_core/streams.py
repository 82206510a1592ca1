"""What a command's output consists of."""

from enum import StrEnum


class Stream(StrEnum):
    """One of a command's output streams."""

    STDOUT = "stdout"
    STDERR = "stderr"
