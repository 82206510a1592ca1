"""The error of a real thing that tests need and cannot have."""


class ServiceUnavailable(Exception):
    """A service that can neither be found nor started here. Its message ends with the remedy."""
