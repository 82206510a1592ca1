"""What the server says no with."""

import grpc


class Refusal(Exception):
    """A call that ends with an error.

    Attributes:
        code: the status.
        message: the platform's words.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """The request is wrong."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(name: str) -> Refusal:
    """There is no such resource."""
    return Refusal(grpc.StatusCode.NOT_FOUND, f"Resource '{name}' was not found.")
