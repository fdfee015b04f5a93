"""The house rules: a quick import, clean code, short functions, arrows that point one way."""

import ast
import statistics
import subprocess
import sys
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "practicum_utils"
# From the top down: a room may import what stands below it, and nothing above.
ROOMS = (
    "authoring", "clinic", "checks", "doctor", "bugs", "prompting", "training", "visualize",
    "metrics", "models", "data", "support",
)  # fmt: skip
HOUSE = ("practicum_utils", "benchmarks", "tests", "tools")
LONGEST, MEDIAN = 40, 12  # lines of a function


def run_python(*arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def best_seconds(code):
    """The processor's seconds that a new Python takes for it, the best of five tries."""
    code = f"import time; {code}; print(time.process_time())"
    return min(float(run_python("-c", code).stdout) for _ in range(5))


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


def modules():
    """Dotted name -> file of every module of the package; a room's first file is the room."""
    names = {
        path: ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def room(module):
    """The room that a dotted name of the package stands in; "" for the package itself."""
    return [*module.split("."), ""][1]


def arrows():
    """(importing module, imported module) of every import inside the package, lazy ones too."""
    known = modules()
    for name, path in known.items():
        for imported in imported_modules(tree_of(path)):
            if imported in known and imported != "practicum_utils":
                yield name, imported


@pytest.mark.timing
def test_the_import_is_quick():
    assert best_seconds("import practicum_utils") <= best_seconds("pass") + 0.2


def test_the_import_loads_no_large_package():
    code = "import sys, practicum_utils; print({'torch', 'numpy', 'datasets'} & set(sys.modules))"
    assert run_python("-c", code).stdout == "set()\n"


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_has_no_objection(arguments):
    result = run_python("-m", "ruff", *arguments, "--no-cache", ".")
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_function_is_long():
    found = [function for path in sources(*HOUSE)
             for function in functions(path)]  # fmt: skip
    assert len(found) > 100
    assert [function for function in found if function[1] > LONGEST] == []


@pytest.mark.parametrize("folder", ["practicum_utils", "tests"])
def test_most_functions_are_short(folder):
    lengths = [length for path in sources(folder) for _, length in functions(path)]
    assert statistics.median(lengths) < MEDIAN


def test_the_rooms_are_those_of_the_order():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ROOMS)


def test_every_arrow_points_down():
    found = [(name, imported) for name, imported in arrows() if room(name) != room(imported)]
    assert len(found) > 60  # the graph is not empty by mistake
    up = [arrow for arrow in found if ROOMS.index(room(arrow[0])) > ROOMS.index(room(arrow[1]))]
    assert up == []


def test_the_modules_of_a_room_import_each_other_without_a_cycle():
    graph, files = defaultdict(set), modules()
    for name, imported in arrows():
        if room(name) == room(imported) and files[imported].stem != "__init__":
            graph[name].add(imported)
    assert len(graph) > 20
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_the_package_imports_itself_by_full_names_only():
    for path in sources("practicum_utils"):
        assert not [name for name in imported_modules(tree_of(path)) if name.startswith(".")], path


def test_the_lessons_import_rooms_and_no_authoring():
    for path in sources("solutions/lessons"):
        names = set(imported_modules(tree_of(path))) & set(modules())
        assert names - {f"practicum_utils.{name}" for name in ROOMS[1:]} == set(), path


def test_every_module_test_and_benchmark_says_what_it_is():
    for path in sources(*HOUSE):
        assert ast.get_docstring(tree_of(path)), path
