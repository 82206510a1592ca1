"""The documents name what exists."""

import re
import tomllib
from pathlib import Path

import pytest

from support.documents import ROOT, documents, links

DOCUMENTS = [pytest.param(document, id=str(document.relative_to(ROOT))) for document in documents()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_relative_links_lead_somewhere(document: Path) -> None:
    targets = [link.partition("#")[0] for link in links(document) if not re.match(r"[a-z]+:", link)]
    broken = [target for target in targets if target and not (document.parent / target).exists()]
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS)
def test_folders_of_packages_in_commands_exist(document: Path) -> None:
    named = set(re.findall(r"\./(packages/[\w-]+)", document.read_text()))
    assert not [folder for folder in named if not (ROOT / folder / "pyproject.toml").exists()]


@pytest.mark.parametrize("project", sorted(ROOT.glob("packages/*/pyproject.toml")), ids=lambda path: path.parent.name)
def test_a_package_says_all_that_an_index_shows(project: Path) -> None:
    facts = tomllib.loads(project.read_text())["project"]
    versions = {"3.11", "3.12", "3.13"}
    assert {line.rpartition(" ")[2] for line in facts["classifiers"]} >= versions | {"Typed"}
    assert facts["requires-python"] == ">=3.11"
    assert facts["license"] == "MIT"
    assert (project.parent / facts["readme"]).read_text().startswith(f"# {facts['name']}\n")
    unbounded = [requirement for requirement in facts["dependencies"] if ">=" not in requirement]
    assert not unbounded, "each dependency says the lowest version that works"
