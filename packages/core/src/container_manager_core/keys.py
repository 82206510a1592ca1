"""The file with the keys that seal secrets, newest first; readable by its owner alone."""

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from container_manager_core.errors import ConfigurationError


class KeyFile:
    """The keys of an installation. Made with one key when it is first read.

    Args:
        path: where it is; its folder is made too.

    Every method raises `ConfigurationError` when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self) -> Sequence[str]:
        """All keys, the newest first."""
        with self._explained():
            if not self._path.exists():
                self._make()
            return self._path.read_text().split()

    def add(self) -> None:
        """Put a new key in front; the others still open what they sealed."""
        from cryptography.fernet import Fernet

        with self._explained(), self._locked():
            self._write([Fernet.generate_key().decode(), *self.keys()])

    def forget_old(self) -> int:
        """Keep the newest key alone; how many others there were."""
        with self._explained(), self._locked():
            newest, *others = self.keys()
            self._write([newest])
            return len(others)

    def _make(self) -> None:
        from cryptography.fernet import Fernet

        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._draft(Fernet.generate_key().decode())
        try:
            os.link(draft, self._path)  # appears whole or not at all, and never replaces a key
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def _write(self, keys: Sequence[str]) -> None:
        self._draft("\n".join(keys)).replace(self._path)

    def _draft(self, text: str) -> Path:
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_ident()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        return draft

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One after the other: a key that two processes add at once must not replace the other's."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path.with_name(f"{self._path.name}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                str(self._path),
                f"the key for secrets cannot be kept here ({error.strerror})",
                "or set CONTAINER_MANAGER_SECRET_KEY",
            ) from error
