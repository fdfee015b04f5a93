"""The house rules: a quick import, clean code, short functions, arrows that point one way."""

import ast
import statistics
import subprocess
import sys
import time
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "practicum_utils"
AUTHORING = "practicum_utils.authoring"
LONGEST, MEDIAN = 40, 12  # lines of a function


def run_python(*arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def best_seconds(code):
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        assert run_python("-c", code).returncode == 0
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def sources(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path):
    """(place, number of lines) of every function in a file."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree_of(path)):
        if isinstance(node, kinds):
            place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            yield place, node.end_lineno - node.lineno + 1


def imported_modules(tree):
    """Dotted names of all that a file imports; ``from a import b`` counts as a and as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def lesson_modules():
    """Dotted name -> file of every module but those of authoring and the packages' first files."""
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts)
             for path in PACKAGE.rglob("*.py")}  # fmt: skip
    return {
        name: path for path, name in names.items()
        if not name.startswith(AUTHORING) and path.stem != "__init__"
    }  # fmt: skip


def test_the_import_is_quick():
    assert best_seconds("import practicum_utils") <= best_seconds("pass") + 0.3


def test_the_import_loads_no_large_package():
    code = "import sys, practicum_utils; print({'torch', 'numpy', 'datasets'} & set(sys.modules))"
    assert run_python("-c", code).stdout == "set()\n"


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_has_no_objection(arguments):
    result = run_python("-m", "ruff", *arguments, "--no-cache", ".")
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_function_is_long():
    found = [function for path in sources("practicum_utils", "benchmarks", "tests")
             for function in functions(path)]  # fmt: skip
    assert len(found) > 100
    assert [function for function in found if function[1] > LONGEST] == []


@pytest.mark.parametrize("folder", ["practicum_utils", "tests"])
def test_most_functions_are_short(folder):
    lengths = [length for path in sources(folder) for _, length in functions(path)]
    assert statistics.median(lengths) < MEDIAN


def test_the_modules_import_each_other_without_a_cycle():
    modules = lesson_modules()
    graph = {
        name: set(imported_modules(tree_of(path))) & set(modules) for name, path in modules.items()
    }
    assert sum(map(len, graph.values())) >= 8  # the graph is not empty by mistake
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_the_package_imports_itself_by_full_names_only():
    for path in sources("practicum_utils"):
        assert not [name for name in imported_modules(tree_of(path)) if name.startswith(".")], path


def test_nothing_outside_authoring_imports_it():
    lessons = sources("solutions/lessons", "benchmarks")
    measures_notebooks = "whole_course.py"
    for path in [*lesson_modules().values(), *lessons]:
        if path.name == measures_notebooks:
            continue
        names = imported_modules(tree_of(path))
        assert not [name for name in names if name.startswith(AUTHORING)], path


def test_every_module_test_and_benchmark_says_what_it_is():
    for path in sources("practicum_utils", "benchmarks", "tests"):
        assert ast.get_docstring(tree_of(path)), path
