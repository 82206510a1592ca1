"""When an image is pulled."""

from enum import StrEnum


class PullPolicy(StrEnum):
    """When an image is pulled before it is run."""

    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"
