"""What a person reads when a command cannot do what it was asked for: one sentence, no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.management.base import CommandError
from django.db import DatabaseError

from container_manager_core.cli import exits
from container_manager_core.errors import ContainerManagerError, IllegalTransition, InvalidInput


@contextmanager
def as_command_errors() -> Iterator[None]:
    """Raise `CommandError` for mistakes in what was asked for (exit code 2) and for what stood in the way (1)."""
    try:
        yield
    except (InvalidInput, IllegalTransition) as error:
        raise CommandError(str(error), returncode=exits.USAGE) from error
    except ValidationError as error:
        raise CommandError(sentence(error), returncode=exits.USAGE) from error
    except ContainerManagerError as error:
        raise CommandError(str(error)) from error
    except DatabaseError as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise CommandError(f"The database refuses: {said}; run 'manage.py migrate' if tables are missing.") from error


def sentence(error: ValidationError) -> str:
    """A form's errors in one line: each field with what is wrong with it."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    fields = error.message_dict.items()
    return " ".join(
        message if field == NON_FIELD_ERRORS else f"{field}: {message}" for field, said in fields for message in said
    )
