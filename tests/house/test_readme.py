"""The README, the changelog and the citation say what is so."""

import re
import tomllib

import pytest
import yaml
from typer.testing import CliRunner

import practicum_utils
from practicum_utils.authoring.build import address, find_root, notebooks
from practicum_utils.authoring.cli import app
from practicum_utils.bugs import CATALOGUE, PLANTED
from practicum_utils.checks import exercises

ROOT = find_root()
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_files_a_page_links_to_are_there(page):
    targets = [link for link in LINK.findall((ROOT / page).read_text()) if "://" not in link]
    assert [target for target in targets if not (ROOT / target.partition("#")[0]).exists()] == []


def test_every_lesson_has_its_row_with_the_badge_of_its_notebook():
    students = {
        path: made for path, made in notebooks(ROOT, []).items() if path.parts[0] == "notebooks"
    }
    for path, made in students.items():
        (row,) = [
            line for line in README.splitlines() if line.startswith("|") and f"]({path})" in line
        ]
        badge = re.search(r"\[!\[Open in Colab\].*?\)\]\((.*?)\)", made.cells[0].source)
        assert badge[0] in row
        assert f"(solutions/{path.name})" in row and f"(solutions/debugged/{path.name})" in row


def test_the_table_does_not_say_where_the_bugs_are():
    table = [line for line in README.splitlines() if line.startswith("| 0")]
    assert len(table) == 6
    assert [bug for bug in PLANTED if bug in " ".join(table)] == []


def test_every_command_has_its_row_and_every_row_its_command():
    told = set(re.findall(r"^\| `practicum (\w+)", README, re.MULTILINE))
    help_text = CliRunner().invoke(app, ["--help"]).output
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert told == known
    assert all(name in help_text for name in known)


def test_every_benchmark_that_is_told_exists_and_every_one_is_told():
    told = set(re.findall(r"python benchmarks/(\w+)\.py", README))
    there = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert told == there - {"__main__"}


def test_the_counts_in_the_prose():
    assert f"there are {len(CATALOGUE)} in its catalogue" in README
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"for the {len(exercises())} exercises" in changelog
    assert f"with {len(CATALOGUE)} bugs in its catalogue" in changelog


def test_citation_changelog_and_package_have_one_version_and_one_address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    version = practicum_utils.__version__
    assert project["version"] == citation["version"] == version
    assert f"\n## {version}, {citation['date-released']}\n" in (ROOT / "CHANGELOG.md").read_text()
    assert citation["repository-code"] == address(ROOT)
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
