"""Debian's Chromium, driven by Playwright; installed when it is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support import debian
from support.unavailable import ServiceUnavailable

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def open_chromium() -> Iterator[Any]:
    """A Playwright browser for the time of the block.

    Raises:
        ServiceUnavailable: Chromium is not here and cannot be installed.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def _program() -> str:
    found = debian.find_program("chromium")
    if found is None:
        debian.install(["chromium", "fonts-dejavu-core"])
        found = debian.find_program("chromium")
    if found is None:
        raise ServiceUnavailable("Debian's package chromium brought no chromium; put it on PATH")
    return found
