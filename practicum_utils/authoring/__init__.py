"""For instructors: build the notebooks from the lesson sources, check and run them."""


def main() -> None:
    """Run the ``practicum`` command; say what to install where the tools it needs are missing."""
    try:
        from practicum_utils.authoring.cli import app
    except ModuleNotFoundError as error:
        missing = error.name.partition(".")[0]
        raise SystemExit(
            f"practicum needs the package {missing}, which came without the course's tools; "
            'install them: pip install "practicum-utils[class]"'
        ) from error
    app()
