"""``keys``."""

import os
import sys
from typing import Annotated

import typer

from container_manager_core.cli.context import open_manager
from container_manager_core.cli.printing import PROGRAM
from container_manager_core.errors import InvalidInput


def keys(
    context: typer.Context,
    action: Annotated[str, typer.Argument(metavar="rotate|forget", help="What to do.", show_default=False)],
) -> None:
    """Change the key that seals secrets.

    rotate: add a new key to the key file and seal every stored secret with it; the old keys still open what
    they sealed. Where CONTAINER_MANAGER_SECRET_KEY holds the keys, put the new one in front of it first.
    forget: remove the old keys from the key file, once every process that may still seal with them was restarted.
    """
    from container_manager_core.keys import KeyFile
    from container_manager_core.resealing import reseal
    from container_manager_core.secrets import KEY_VARIABLE, Vault

    if action not in ("rotate", "forget"):
        raise InvalidInput("ACTION", f"{action!r} is nothing that keys can do", "use rotate or forget")
    with open_manager(context) as manager:
        path = manager.config.key_file
        in_variable = bool(os.environ.get(KEY_VARIABLE))
        if action == "rotate" and not in_variable:
            KeyFile(path).add()
        jobs = reseal(manager.store, Vault.open(path), _tell)
        print(f"sealed anew: the secrets of {jobs} jobs")
        if action == "rotate":
            print("the new key is in use; restart workers and applications, then: container-manager keys forget")
        elif in_variable:
            print(f"nothing but the first key of {KEY_VARIABLE} is needed any more")
        else:
            print(f"forgotten: {KeyFile(path).forget_old()} keys")


def _tell(seen: int) -> None:
    if sys.stderr.isatty():
        print(f"{PROGRAM}: looked at {seen} jobs", file=sys.stderr, flush=True)
