"""What text and labels the platform takes."""

import re
from collections.abc import Mapping

from container_manager_core.errors import PermanentError
from container_manager_core.failure import FailureKind
from container_manager_core.spec import ContainerSpec

_TAG = re.compile(r"[\w\s+\-=.:/@]*")
_MOST_LABELS = 46
"""50 tags a task, "Tagging your Amazon ECS resources", November 2026; three are ours."""


def tags(spec: ContainerSpec) -> dict[str, str]:
    """The labels that tags can hold."""
    left_out = unheld_labels(spec)
    return {name: value for name, value in spec.labels.items() if name not in left_out}


def unheld_labels(spec: ContainerSpec) -> list[str]:
    """The names of the labels that no tag can hold."""
    unfit = [
        name
        for name, value in spec.labels.items()
        if not _TAG.fullmatch(value) or name.lower().startswith(("aws:", "container-manager."))
    ]
    fit = [name for name in sorted(spec.labels) if name not in unfit]
    return unfit + fit[_MOST_LABELS:]


def require_text(spec: ContainerSpec, variables: Mapping[str, str]) -> None:
    """Raises `PermanentError` for text that UTF-8 cannot hold."""
    places = {f"command[{number}]": word for number, word in enumerate(spec.command)}
    places |= {f"entrypoint[{number}]": word for number, word in enumerate(spec.entrypoint or ())}
    places |= {f"environment[{name!r}]": f"{name}{value}" for name, value in variables.items()}
    for place, text in places.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PermanentError(
                f"{place} holds the lone surrogate {text[error.start]!r}, which cannot be sent",
                FailureKind.SPEC,
                "pass bytes that are not UTF-8 in another encoding, for example base64",
            ) from None
