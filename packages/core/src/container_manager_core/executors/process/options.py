"""The options of a host that runs jobs as processes."""

import attrs

from container_manager_core.validation import require_number, require_text

INHERITED = ("PATH", "HOME", "LANG", "LC_*", "TZ", "TMPDIR")


@attrs.frozen(kw_only=True)
class ProcessOptions:
    """The options of a host that runs jobs as processes of this machine.

    Attributes:
        state_folder: where output and exit statuses are kept; None means the user's data folder.
            Workers that are to see each other's executions need the same one.
        inherit_environment: the variables of the worker that a command gets to see, beside its own;
            ``*`` at the end of a name stands for any rest. Everything else of the worker's
            environment is kept from it, because credentials are commonly found there.
        call_timeout_seconds: how long a launch may take before it counts as unanswered.
    """

    state_folder: str | None = None
    inherit_environment: tuple[str, ...] = attrs.field(default=INHERITED, converter=tuple)
    call_timeout_seconds: float = 30.0

    def __attrs_post_init__(self) -> None:
        if self.state_folder is not None:
            require_text("state_folder", self.state_folder)
        for number, name in enumerate(self.inherit_environment):
            require_text(f"inherit_environment[{number}]", name)
        require_number("call_timeout_seconds", self.call_timeout_seconds, 1, 3600, "seconds")
