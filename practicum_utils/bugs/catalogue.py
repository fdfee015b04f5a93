"""The catalogue of bugs: what the class sees and learns, and what the doctor says.

The texts stand in ``assets/bugs.toml``, family by family; a rule of the doctor that knows better
how this one program is mended says so instead. A few bugs are planted in the lessons; the doctor
knows the others too.
"""

import dataclasses
import tomllib
from dataclasses import dataclass

from practicum_utils.support.files import read_asset


@dataclass(frozen=True)
class Family:
    """Bugs that give themselves away by the same evidence, for when the bug cannot be told.

    id: its name.  title: the name in words.
    cause: what the cause usually is.  remedy: the mend in one line.
    """

    id: str
    title: str
    cause: str
    remedy: str
    cannot_tell = ""

    @property
    def family(self) -> str:
        """Its own name."""
        return self.id


@dataclass(frozen=True)
class Bug:
    """A bug of a program that classifies texts.

    id: the name used by the marks in the lesson sources, and by the doctor.
    family: the name of the bugs that give themselves away by the same evidence.
    symptom: what the reader sees, without the cause.
    this_time, in_general: the two sentences of the summary.
    cause, remedy: what the doctor says, whatever the program; "" if it never names the bug.
    cannot_tell: what is right and looks the same; "" if nothing does.
    lesson: the number of the lesson in which the symptom shows and the bug is mended; "" for a bug
        that shows wherever a lesson plants it, if one does.
    sighting: a public place where somebody met the bug; "" if none is known to us.
    detectable: False if running the program cannot show it, so that the doctor is silent about it.
    """

    id: str
    family: str
    title: str
    symptom: str
    this_time: str
    in_general: str
    cause: str = ""
    remedy: str = ""
    cannot_tell: str = ""
    lesson: str = ""
    sighting: str = ""
    detectable: bool = True


def read_catalogue(text: str) -> tuple[dict[str, Family], dict[str, Bug]]:
    """Return the families and the bugs of a catalogue by their ids.

    text: TOML; a table ``[families.NAME]`` for each family, a table ``[ID]`` for each bug.
    Raises ValueError, in one sentence that names the entry, for one that is not complete.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"bugs.toml is not valid TOML: {error}.") from error
    families = {
        name: _entry(Family, name, fields, f"families.{name}")
        for name, fields in tables.pop("families", {}).items()
    }
    bugs = {name: _entry(Bug, name, fields, name) for name, fields in tables.items()}
    for bug in bugs.values():
        _demand(bug.family in families, bug.id,
                f"there is no family {bug.family!r}; choose one of {', '.join(families)}, or add "
                f"[families.{bug.family}]")  # fmt: skip
        for name in ("cause", "remedy") if bug.detectable else ():
            _demand(getattr(bug, name), bug.id,
                    f"{name} is missing; the doctor names a bug that is detectable, so add {name}, "
                    "or detectable = false")  # fmt: skip
    return families, bugs


def _entry(kind: type, name: str, given, table: str):
    """A family or a bug from its table in the file."""
    _demand(isinstance(given, dict), table, "it is no table; its heading is missing")
    fields = {field.name: field for field in dataclasses.fields(kind)[1:]}
    known = f"the fields are {', '.join(fields)}"
    for key, value in given.items():
        _demand(key in fields, table, f"there is no field {key}; {known}")
        wanted = "true or false" if fields[key].type is bool else "a text in quotes"
        _demand(isinstance(value, fields[key].type), table, f"{key} is {value!r}; write {wanted}")
    for key, field in fields.items():
        optional = field.default is not dataclasses.MISSING
        _demand(optional or given.get(key), table, f"{key} is missing; {known}")
    return kind(name, **given)


def _demand(fits: object, table: str, complaint: str) -> None:
    if not fits:
        raise ValueError(f"bugs.toml, [{table}]: {complaint}.")


FAMILIES, CATALOGUE = read_catalogue(read_asset("bugs.toml"))
PLANTED: dict[str, Bug] = {bug_id: bug for bug_id, bug in CATALOGUE.items() if bug.lesson}
