"""The bugs of the course: what each looks like and teaches, and how one is planted."""

from practicum_utils.bugs.catalogue import CATALOGUE, FAMILIES, PLANTED, Bug, Family
from practicum_utils.bugs.typed import as_typed

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "PLANTED",
    "Bug",
    "Family",
    "as_typed",
]
