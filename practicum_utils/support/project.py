"""Where the project is in public."""

from importlib.metadata import metadata


def address() -> str:
    """Return the address of the project's repository, which stands once, in pyproject.toml."""
    urls = metadata("practicum-utils").get_all("Project-URL")
    return dict(url.split(", ") for url in urls)["Repository"]
