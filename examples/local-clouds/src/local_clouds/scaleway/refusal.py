"""How Scaleway says no."""

from typing import Any


class Refused(Exception):
    """An answer of 400 or more.

    Args:
        status: of the answer.
        type: Scaleway's word for the reason.
        message: its sentence.
        facts: further fields.
    """

    def __init__(self, status: int, type: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"type": type, "message": message, **facts}


def not_found(resource: str, resource_id: str) -> Refused:
    """The answer about something that is not there."""
    return Refused(404, "not_found", "resource is not found", resource=resource, resource_id=resource_id)


def invalid(argument: str, help_message: str) -> Refused:
    """The answer to an argument that cannot be used."""
    details = [{"argument_name": argument, "reason": "constraint", "help_message": help_message}]
    return Refused(400, "invalid_arguments", "invalid argument(s)", details=details)


def quota(resource: str, most: int) -> Refused:
    """The answer when there would be too many."""
    details = [{"resource": resource, "quota": most, "current": most}]
    return Refused(403, "quotas_exceeded", f"quota(s) exceeded for this resource: {resource}", details=details)
