"""Checks that a built site loads nothing from elsewhere: ``site_assets.py FOLDER``. Links may lead anywhere."""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_LOADED_LINKS = {"stylesheet", "preload", "preconnect", "icon", "prefetch", "dns-prefetch"}


class _Assets(HTMLParser):
    """Collects the addresses that a browser loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get("src") or ""
        if tag == "link" and _LOADED_LINKS.intersection((values.get("rel") or "").split()):
            address = values.get("href") or ""
        if address:
            self.found.append(address)


def foreign_assets(site: Path) -> Iterator[tuple[Path, str]]:
    """Each page with an address from elsewhere that it loads."""
    for page in sorted(site.rglob("*.html")):
        assets = _Assets()
        assets.feed(page.read_text())
        yield from ((page, address) for address in assets.found if address.startswith(("http:", "https:", "//")))


def main() -> int:
    site = Path(sys.argv[1])
    found = list(foreign_assets(site))
    for page, address in found:
        print(f"{page.relative_to(site)} loads {address} from elsewhere; bring it along or leave it out")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
