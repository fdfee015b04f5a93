"""The wheel without a clone: a command that needs none works, another says what it needs."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from tiny_course import write_course
from typer.testing import CliRunner

import practicum_utils
from practicum_utils import authoring
from practicum_utils.authoring import cli
from practicum_utils.authoring.build import find_root

ROOT = find_root()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package that has its course inside, and a user in an empty folder elsewhere."""
    course = write_course(tmp_path / "site-packages/practicum_utils/course")
    (course / "pyproject.toml").unlink()
    (course / "notebooks").mkdir()
    for name in ("01_tiny_words", "02_tiny_loop"):
        (course / "notebooks" / f"{name}.ipynb").write_text(f"shipped {name}")
    monkeypatch.setattr(practicum_utils, "__file__", str(course.with_name("__init__.py")))
    (tmp_path / "user").mkdir()
    monkeypatch.chdir(tmp_path / "user")
    return tmp_path / "user"


@pytest.fixture
def opened(monkeypatch):
    """The folders that JupyterLab is started on."""
    folders = []

    def run(command, **options):
        folders.append(command[3])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return folders


def practicum(*arguments):
    return CliRunner().invoke(cli.app, arguments)


def test_lab_opens_a_copy_that_is_the_users(installed, opened):
    result = practicum("lab")
    copy = installed / "practicum-notebooks"
    assert result.stdout == (
        f"The notebooks are in {copy}; one that you have begun stays as it is.\n"
    )
    assert opened == [str(copy)]
    assert (copy / "02_tiny_loop.ipynb").read_text() == "shipped 02_tiny_loop"


def test_lab_overwrites_nothing(installed, opened, monkeypatch):
    copy = installed / "practicum-notebooks"
    copy.mkdir()
    (copy / "01_tiny_words.ipynb").write_text("mine")
    monkeypatch.chdir(copy)  # where there is no need for another folder
    assert practicum("lab").exit_code == 0
    assert opened == [str(copy)]
    assert {path.name: path.read_text() for path in copy.iterdir()} == {
        "01_tiny_words.ipynb": "mine",
        "02_tiny_loop.ipynb": "shipped 02_tiny_loop",
    }


def test_lab_says_where_it_cannot_write(installed, opened):
    (installed / "practicum-notebooks").touch()
    result = practicum("lab")
    assert (result.exit_code, opened) == (1, [])
    assert "practicum-notebooks: File exists; run practicum lab in a folder" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["build"], ["check"], ["new", "7", "words"]])
def test_what_needs_a_clone_says_so(installed, arguments):
    result = practicum(*arguments)
    assert result.exit_code == 1
    assert result.stderr == "This needs the course's repository; run it inside a clone.\n"


def test_run_tells_a_lesson_of_the_package(installed, home):
    result = practicum("run", "1")
    assert result.exit_code == 0, result.output
    assert "symptom: real words look like padding" in result.stdout
    assert list(installed.iterdir()) == []


def test_the_command_without_its_tools_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nbclient.exceptions", None)  # as if it were not there
    monkeypatch.delitem(sys.modules, "practicum_utils.authoring.cli")
    with pytest.raises(SystemExit, match=r"needs the package nbclient.*practicum-utils\[class\]"):
        authoring.main()


# The wheel itself, made and installed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_has_the_package_the_lessons_and_the_student_notebooks(wheel):
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "practicum_utils").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    course = {
        f"practicum_utils/course/{path.relative_to(ROOT).as_posix()}"
        for pattern in ("solutions/lessons/*.py", "notebooks/*.ipynb")
        for path in ROOT.glob(pattern)
    }
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == package | course
    assert "practicum_utils/py.typed" in names and len(course) >= 12


@pytest.fixture(scope="module")
def alone(wheel, tmp_path_factory):
    """The folder of commands of a new environment: the wheel, and the packages installed here."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", commands / "python"]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    own = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    here = [path for path in sys.path if path.endswith("-packages")]
    Path(own, "here.pth").write_text("\n".join(here))
    return commands


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said", "left"),
    [
        (["run", "03"], "ok: far above the majority class", []),
        (["lab", "--version"], "practicum-notebooks", ["practicum-notebooks"]),
    ],
)
def test_the_wheel_alone_is_enough(alone, tmp_path, arguments, said, left):
    (tmp_path / "user").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"JUPYTER_DATA_DIR": str(tmp_path / "jupyter"), "PRACTICUM_FAST": "1"}
    result = subprocess.run(
        [alone / "practicum", *arguments],
        cwd=tmp_path / "user", env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert said in result.stdout
    assert [path.name for path in (tmp_path / "user").iterdir()] == left
