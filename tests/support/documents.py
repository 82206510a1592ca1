"""The repository's documents: their examples and their links."""

from collections.abc import Iterator
from pathlib import Path

import attrs
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
_FOR_DJANGO = ("docs/api.md", "docs/quickstart.md", "packages/django-adapter/README.md")


def documents() -> list[Path]:
    """Every document that people read."""
    patterns = ("*.md", "docs/**/*.md", "packages/*/README.md", "examples/**/README.md")
    return sorted(document for pattern in patterns for document in ROOT.glob(pattern))


def django_documents() -> list[Path]:
    """Those whose examples, in their order, are steps in one Django project; all others need no Django."""
    return [ROOT / name for name in _FOR_DJANGO]


@attrs.frozen(kw_only=True)
class Example:
    """A block of code in a document.

    Attributes:
        place: the document and the line where it begins.
        language: the word behind the fence.
        title: the file that the text belongs to; empty for none.
        code: its text.
    """

    place: str
    language: str
    title: str
    code: str


def examples(*languages: str) -> list[Example]:
    """The blocks in these languages that stand for themselves, in every document that needs no Django."""
    plain = [document for document in documents() if document not in django_documents()]
    found = [example for document in plain for example in examples_of(document)]
    return [example for example in found if example.language in languages and not example.title]


def examples_of(document: Path) -> Iterator[Example]:
    """The blocks of a document."""
    for token in MarkdownIt().parse(document.read_text()):
        if token.type == "fence":
            line = token.map[0] + 1 if token.map else 0
            language, _, rest = token.info.strip().partition(" ")
            title = rest.removeprefix('title="').removesuffix('"')
            place = f"{document.relative_to(ROOT)}:{line}"
            yield Example(place=place, language=language, title=title, code=token.content)


def links(document: Path) -> list[str]:
    """Where a document's links and pictures lead."""
    found = []
    # Tables have links too.
    for token in MarkdownIt().enable("table").parse(document.read_text()):
        for child in token.children or ():
            address = child.attrGet("href") or child.attrGet("src")
            if address:
                found.append(str(address))
    return found


@attrs.frozen(kw_only=True)
class Step:
    """A line that a console example types, and the lines that it shows for it."""

    command: str
    output: tuple[str, ...]


def steps(example: Example) -> list[Step]:
    """The commands of a console example."""
    found: list[tuple[str, list[str]]] = []
    for line in example.code.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif found:
            found[-1][1].append(line)
        else:
            raise ValueError(f"{example.place}: {line!r} comes before the first command; begin commands with '$ '")
    return [Step(command=command, output=tuple(output)) for command, output in found]
