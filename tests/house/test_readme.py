"""The README, the changelog and the citation say what is so."""

import re
import tomllib

import pytest
import yaml
from typer.testing import CliRunner

import practicum_utils
from practicum_utils.authoring.build import address, find_root, notebooks, read_all
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


ROWS = {row[1]: row[0] for row in re.finditer(r"^\| (\d\d) \|.*", README, re.MULTILINE)}


def test_the_table_has_lessons_in_their_order_and_lessons_only():
    numbers = list(read_all(ROOT))
    assert list(ROWS) == [number for number in numbers if number in ROWS]  # a new one may wait
    assert set(ROWS) >= {"01", "02", "03", "04", "05", "06"}


@pytest.mark.parametrize("number", ROWS)
def test_a_lesson_s_row_has_the_badge_and_the_files_of_its_notebooks(number):
    path, made = next(iter(notebooks(ROOT, [number]).items()))
    badge = re.search(r"\[!\[Open in Colab\].*?\)\]\((.*?)\)", made.cells[0].source)
    assert badge[0] in ROWS[number] and f"[{number}]({path})" in ROWS[number]
    for folder in ("solutions", "solutions/debugged"):
        assert f"[{number}]({folder}/{path.name})" in ROWS[number]


def test_the_table_does_not_say_where_the_bugs_are():
    assert [bug for bug in PLANTED if bug in " ".join(ROWS.values())] == []


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


def test_there_are_at_least_as_many_as_the_prose_says():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    (more_than,) = re.findall(r"its catalogue has more than (\d+)", README)
    (bugs,) = re.findall(r"with (\d+) bugs in its catalogue", changelog)
    (number,) = re.findall(r"for the (\d+) exercises", changelog)
    assert int(more_than) < int(bugs) <= len(CATALOGUE)
    assert int(number) <= len(exercises())


def test_citation_changelog_and_package_have_one_version_and_one_address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    version = practicum_utils.__version__
    assert project["version"] == citation["version"] == version
    assert f"\n## {version}, {citation['date-released']}\n" in (ROOT / "CHANGELOG.md").read_text()
    assert citation["repository-code"] == address(ROOT)
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_workflow_calls_what_ci_calls_with_the_pythons_declared():
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    assert ".ci/run" in [step.get("run") for step in jobs["pinned"]["steps"]]
    assert "slow_outside" in str(jobs["outside"]["steps"][-1])
    for kind in jobs["pinned"]["strategy"]["matrix"]["include"]:
        assert f"Python :: {kind['python']}" in (ROOT / "pyproject.toml").read_text()


def test_a_commit_is_looked_at_by_ruff_and_the_build():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    entries = [hook["entry"].split(" --")[0] for hook in repository["hooks"]]
    assert entries == ["ruff check", "ruff format", "practicum build"]
