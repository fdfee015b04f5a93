"""The ``practicum`` command."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from nbclient.exceptions import CellExecutionError

from practicum_utils.authoring import build as builder
from practicum_utils.authoring import notes as instructor
from practicum_utils.authoring import scaffold, story
from practicum_utils.authoring import slides as deck
from practicum_utils.authoring import update as updater
from practicum_utils.authoring.installed import find_course, notebooks_to_open
from practicum_utils.authoring.source import find_sources
from practicum_utils.bugs.planting import LessonError


class OneSentence(typer.core.TyperGroup):
    """Commands that say what went wrong in one sentence, and exit with 1."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except LessonError as error:
            raise _stop(error) from error
        except CellExecutionError as error:
            raise _stop(f"a lesson stopped with {error.ename}: {error.evalue}") from error


def _stop(message: object) -> typer.Exit:
    typer.echo(str(message), err=True)
    return typer.Exit(1)


app = typer.Typer(
    cls=OneSentence,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Build, check and run the Sequence Learning Practicum.",
)
Numbers = Annotated[
    list[str] | None, typer.Argument(help="Lesson numbers, such as 03; all if none.")
]
Number = Annotated[str, typer.Argument(help="A lesson number, such as 03.")]
# Where the tests of lessons stand; to look through the other folders takes longer than it finds.
TESTS = [f"tests/{folder}" for folder in ("authoring", "bugs", "checks", "course")]


@app.command()
def build(
    lessons: Numbers = None,
    execute: Annotated[
        bool, typer.Option(help="Run the solutions and keep their outputs.")
    ] = False,
    check: Annotated[
        bool, typer.Option(help="Write nothing; fail if a notebook is out of date.")
    ] = False,
) -> None:
    """Make the three notebooks of each lesson from its source."""
    root = builder.find_root()
    if not check:
        builder.write(root, lessons or [], execute, typer.echo)
    elif found := builder.differences(root, lessons or []):
        raise _stop("\n".join(found))
    else:
        typer.echo("every notebook is what its source makes")


@app.command()
def check(lessons: Numbers = None) -> None:
    """Run all tests of a lesson at reduced size: guards, nbval, checks, the browser."""
    root = builder.find_root()
    names = [path.stem for path in find_sources(root / "solutions" / "lessons", lessons)]
    folders = ("solutions", "solutions/debugged")
    command = [
        *(sys.executable, "-m", "pytest", "-m", "not colab and not slow_outside"),
        *(f"--lesson={name[:2]}" for name in names),
        *TESTS,
        *(f"{folder}/{name}.ipynb" for name in names for folder in folders),
    ]
    fast = {**os.environ, "PRACTICUM_FAST": "1"}
    raise typer.Exit(subprocess.run(command, cwd=root, env=fast).returncode)


@app.command()
def new(
    number: Annotated[str, typer.Argument(help="A free lesson number, such as 07.")],
    name: Annotated[str, typer.Argument(help="Its name, such as word_vectors.")],
) -> None:
    """Begin a lesson: write a small source and its check, which build and pass their guards."""
    paths = scaffold.new_lesson(builder.find_root(), number, name)
    typer.echo("\n".join(f"wrote {path}" for path in paths))
    typer.echo("It runs as it is. Make it yours (CONTRIBUTING.md shows how), and build it:")
    typer.echo(f"  practicum build {paths[0].name[:2]} --execute")


@app.command()
def run(lesson: Number) -> None:
    """Run a debugged lesson in the terminal: each symptom, each rule, the final result."""
    story.tell(find_course(), lesson, typer.echo)


@app.command()
def notes(
    lesson: Number,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the page to this file instead.")
    ] = None,
) -> None:
    """Print the instructor's page of a lesson: a clock, exercises, bugs to plant, what to ask."""
    page = instructor.page(*builder.read_one(find_course(), lesson))
    if output:
        instructor.write(page, output)
    typer.echo(f"wrote {output}" if output else page, nl=bool(output))


@app.command()
def slides(
    lesson: Number,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the slides; made if missing.")
    ] = Path("slides"),
    reveal: Annotated[
        str, typer.Option(help="A folder with reveal.js, copied beside the slides, or its address.")
    ] = "",
) -> None:
    """Make slides of a lesson from the student notebook, with the instructor's notes in them."""
    deck.write(find_course(), lesson, output, reveal, typer.echo)


@app.command()
def update(
    files: Annotated[list[Path], typer.Argument(help="Student notebooks that you have begun.")],
) -> None:
    """Give begun student notebooks the new text of their lesson; your code is kept."""
    complaints = []
    for path in files:
        try:
            typer.echo("\n".join(updater.update_file(path, find_course())))
        except LessonError as error:
            complaints.append(str(error))
    if complaints:
        raise _stop("\n".join(complaints))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(options: typer.Context) -> None:
    """Open JupyterLab on the student notebooks; options of jupyter lab may follow.

    Without a clone it opens a copy of them, in practicum-notebooks.
    """
    from practicum_utils.authoring.lab import command  # a server, which no other command needs

    folder = notebooks_to_open(typer.echo)
    raise typer.Exit(subprocess.run(command(folder, *options.args)).returncode)


if __name__ == "__main__":
    app()
