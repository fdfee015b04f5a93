"""What every check is made of: a refusal in one sentence, and careful calls.

A check runs the learner's code, so anything can come of it. ``call`` turns whatever it raises into
a sentence that says where and with which input, and sees whether the input was left as it was.
"""

import inspect
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

import torch

from practicum_utils.support.errors import in_one_line

LARGEST_SHOWN = 10  # numbers of a tensor that a message prints
PACKAGE = re.compile(r"[/\\]practicum_utils[/\\]")
LIBRARIES = re.compile(
    r"site-packages|dist-packages|[/\\]lib[/\\]python3|<frozen |"
    + re.escape(sysconfig.get_path("stdlib"))
)

# What the commonest messages of PyTorch and Python mean, in a lesson's words.
MEANINGS = (
    (
        r"shapes cannot be multiplied",
        "a linear layer gets another number of inputs than it was made for; print the shapes",
    ),
    (
        r"input\.size\(-1\) must be equal to input_size",
        "the LSTM gets vectors of another size than it was made for",
    ),
    (r"before Module\.__init__\(\) call", "`super().__init__()` has to come first"),
    (r"index out of range in self", "the embedding has too few rows for the ids of the vocabulary"),
    (r"out of (bounds|range)", "a place was asked for that does not exist; off by one?"),
    (r"no real token|without a word", "does the mask reach it turned around? True is a real token"),
    (r"name '.*' is not defined", "has the cell that makes it been run?"),
    (r"^SystemExit", "`exit` and `quit` end the whole session; `return` ends a function"),
    (r"^RecursionError", "it calls itself again and again; what ends that?"),
    (
        r"^MemoryError|not enough memory|allocate memory|out of memory",
        "it asks for more memory than there is; are these the sizes that you meant?",
    ),
    (r"^KeyError", "the dictionary has no such entry; what is to happen then?"),
    (r"does not require grad", "no record for gradients: no_grad, or a path that is cut"),
    (r"'NoneType' object has no attribute", "something is None where an object was expected"),
    (
        r"expected Tensor as element \d+ in argument 0, but got NoneType",
        "what was collected is None; is `return_weights` handed on to what makes the weights?",
    ),
    (r"must match the (existing )?size|not broadcastable|must match", "two shapes do not fit"),
    (
        r"unexpected keyword argument|positional argument",
        "its arguments are not those of the exercise",
    ),
    (
        r"can't convert|cannot convert|numpy\(\) on Tensor that requires grad",
        "a tensor left PyTorch here, and no gradient can follow it",
    ),
)


class CheckError(AssertionError):
    """A solution that does not do what its exercise says; the message names the likely mistake."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        return [f"CheckError: {self}"]


def demand(condition: bool, complaint: str, bug: str = "") -> None:
    """Raise CheckError with that complaint unless the condition holds.

    bug: the id of the planted bug that would break it; while that may pass, nothing is raised.
    """
    if not condition and not overlook(bug):
        raise CheckError(complaint)


# Bugs that a check lets pass for now, and those that it has seen meanwhile.
_MAY_PASS: ContextVar[frozenset[str]] = ContextVar("may_pass", default=frozenset())
_SEEN: ContextVar[set[str] | None] = ContextVar("seen", default=None)


@contextmanager
def overlooking(bugs: Iterable[str]) -> Iterator[set[str]]:
    """Let these planted bugs pass inside the block; yield the set of those that were seen there."""
    seen: set[str] = set()
    tokens = _MAY_PASS.set(frozenset(bugs)), _SEEN.set(seen)
    try:
        yield seen
    finally:
        _MAY_PASS.reset(tokens[0])
        _SEEN.reset(tokens[1])


def overlook(bug: str) -> bool:
    """Whether this planted bug, just seen in a solution, may pass for now; it is then remembered.

    The check then goes on as if the bug had been mended, so that other mistakes are still found.
    """
    if bug not in _MAY_PASS.get():
        return False
    _SEEN.get().add(bug)
    return True


_REMARKS: ContextVar[list[str] | None] = ContextVar("remarks", default=None)


@contextmanager
def noting() -> Iterator[list[str]]:
    """Yield a list that gets what is remarked inside the block of a solution that is accepted."""
    remarks: list[str] = []
    token = _REMARKS.set(remarks)
    try:
        yield remarks
    finally:
        _REMARKS.reset(token)


def remark(sentence: str) -> None:
    """Say something about a solution that is not wrong, and not quite that of the lesson either."""
    remarks = _REMARKS.get()
    if remarks is not None and sentence not in remarks:
        remarks.append(sentence)


def not_begun(message: str) -> NotImplementedError:
    """The friendly error of an exercise that is still a stub; a notebook shows its one line."""
    return in_one_line(NotImplementedError(message))


def call(function: Callable, *arguments, given: str = "", **named):
    """Call the learner's code; CheckError says what it raised, in which line, for which input.

    given: the input in words; made from the arguments if empty.
    Tensors, lists and dictionaries among the arguments have to be as they were afterwards.
    A stub's NotImplementedError passes through.
    """
    before = [_copied(value) for value in (*arguments, *named.values())]
    try:
        result = function(*arguments, **named)
    except CheckError:
        raise
    except (Exception, SystemExit) as error:
        if _is_stub(error):
            raise
        shown = given or ", ".join(map(describe, (*arguments, *named.values())))
        raise CheckError(f"{explained(error)} It was given {shown or 'nothing'}.") from error
    for place, (was, value) in enumerate(zip(before, (*arguments, *named.values()), strict=True)):
        if not _alike(was, value):
            raise CheckError(_changed(function, place, list(named)[place - len(arguments) :]))
    return result


def _copied(value):
    """A value's contents, as far as code could change them by accident."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if type(value) in (list, tuple):
        return [_copied(part) for part in value]
    if type(value) is dict:
        return {key: _copied(part) for key, part in value.items()}
    return value


def _alike(was, value) -> bool:
    """Whether a value is still what ``_copied`` took down."""
    if isinstance(value, torch.Tensor):
        fits = isinstance(was, torch.Tensor) and was.shape == value.shape
        return fits and bool(((was == value) | (was.isnan() & value.isnan())).all())
    if type(value) in (list, tuple):
        same_size = isinstance(was, list) and len(was) == len(value)
        return same_size and all(map(_alike, was, value))
    if type(value) is dict:
        same_keys = isinstance(was, dict) and list(was) == list(value)
        return same_keys and all(_alike(was[key], value[key]) for key in was)
    return was is value


def _changed(function: Callable, place: int, named: list[str]) -> str:
    """The complaint that the argument at this place was changed."""
    try:
        name = named[0] if named else list(inspect.signature(_called(function)).parameters)[place]
    except (TypeError, ValueError, IndexError):
        name = "its input"
    return (
        f"it changed `{name}` in place, which belongs to whoever calls it and is used again; work "
        "on a copy, such as `.clone()` of a tensor or `list(...)` of a list."
    )


def _called(function: Callable) -> Callable:
    """What runs when it is called: of a model, ``forward``."""
    return function.forward if isinstance(function, torch.nn.Module) else function


def is_learners(frame: FrameType | None, itself: bool = False) -> bool:
    """Whether this line runs for the learner: libraries aside, who called it, the learner or we?

    itself: whether the line itself is one of the learner's.
    """
    while frame:
        file = frame.f_code.co_filename
        if PACKAGE.search(file):
            return False
        if not LIBRARIES.search(file):
            return True
        if itself:
            return False
        frame = frame.f_back
    return False


def _is_own(file: str) -> bool:
    return not (PACKAGE.search(file) or LIBRARIES.search(file))


def _is_stub(error: BaseException) -> bool:
    if not isinstance(error, NotImplementedError):
        return False
    last = traceback.extract_tb(error.__traceback__)[-1]
    own = _is_own(last.filename) and "raise NotImplementedError" in (last.line or "")
    return own or str(error).startswith("Exercise ")


def explained(error: BaseException) -> str:
    """What an exception says, in which line of the learner's, and what it often means."""
    text = " ".join(str(error).split()) or "no message"
    if 'missing the required "forward"' in text:
        return "the class has no method `forward`, so it cannot be called."
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.line and _is_own(frame.filename)]
    place = f", in the line `{own[-1].line.strip()}`" if own else ""
    short = f"{type(error).__name__} ({text if len(text) <= 160 else text[:157] + '...'})"
    meaning = next((words for pattern, words in MEANINGS if re.search(pattern, short)), "")
    end = f": {meaning}" if meaning else ""
    return f"it raised {short}{place}{end}{'' if end.endswith('?') else '.'}"


def describe(value) -> str:
    """A value in a few words, with its shape and type where it has them."""
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        shown = f" {_numbers(value)}" if value.numel() <= LARGEST_SHOWN else ""
        return f"a tensor {tuple(value.shape)} of {dtype}{shown}"
    if isinstance(value, list | tuple) and len(value) > LARGEST_SHOWN:
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, list | tuple) and any(isinstance(x, torch.Tensor) for x in value):
        return f"a {type(value).__name__} of " + " and ".join(map(describe, value))
    if callable(value):
        return f"the {type(value).__name__} {getattr(value, '__name__', '')}".strip()
    text = repr(value)
    plain = len(text) <= 80 and " at 0x" not in text  # an address is another one in every run
    return text if plain else f"an object of type {type(value).__name__}"


def _numbers(values: torch.Tensor) -> str:
    """The numbers as nested brackets, floats with three digits."""
    if values.dim():
        return "[" + ", ".join(map(_numbers, values)) + "]"
    return f"{values.item():.3f}" if values.is_floating_point() else str(values.item())


def demand_returned(value, what: str) -> None:
    """Refuse None, which a function without ``return`` gives."""
    printed = " print shows a value, `return` hands it on." if _has_printed() else ""
    demand(
        value is not None,
        f"{what} came back as None: either a way through has no `return` with a value, or what it "
        f"returns is None itself, as the result of `print`, `append` or `sort` is.{printed}",
    )


def _has_printed() -> bool:
    """Whether the learner's code has printed something in this check."""
    return bool(getattr(sys.stdout, "text", ""))


def demand_list(value, what: str) -> None:
    """Refuse what is no list or tuple, such as a generator."""
    demand_returned(value, what)
    once = isinstance(value, Iterator)
    end = ", which gives its items once only; `list(...)` around it keeps them" if once else ""
    demand(isinstance(value, list | tuple), f"{what} must be a list; it is {describe(value)}{end}.")


def demand_pair(value, what: str) -> tuple:
    """Return the two parts of a result that must have two."""
    demand_returned(value, what)
    fits = isinstance(value, list | tuple) and len(value) == 2
    demand(fits, f"{what} must be two things; it came back as {describe(value)}.")
    return value


def demand_weights(value, shape: tuple[int, ...], what: str, meaning: str) -> None:
    """Refuse all but weights of that shape, which were asked for by ``return_weights=True``."""
    demand(
        value is not None,
        f"{what} came back as None, although return_weights=True asks for them; is "
        "`return_weights` handed on to what makes them?",
    )
    demand_tensor(value, shape, what, meaning)


def demand_tensor(value, shape: tuple[int, ...], what: str, meaning: str) -> None:
    """Refuse all but a tensor of that shape; meaning: the shape in letters, "(B, H)"."""
    demand_returned(value, what)
    demand(
        isinstance(value, torch.Tensor),
        f"{what} must be a tensor {meaning}; it came back as {describe(value)}.",
    )
    demand(
        tuple(value.shape) == tuple(shape),
        f"{what}: shape {tuple(value.shape)}; wanted was {meaning}, here {tuple(shape)}.",
    )


def demand_gradient(value: torch.Tensor, what: str) -> None:
    """Refuse a result that lost its way back to inputs that need gradients."""
    demand(
        value.requires_grad,
        f"{what} is right, but no gradient can flow back through it: its numbers left PyTorch "
        "on the way (item, tolist, numpy, detach, torch.tensor) or stand under no_grad.",
    )


def demand_same_gradients(
    got: torch.Tensor, wanted: torch.Tensor, inputs: Mapping[str, torch.Tensor]
) -> None:
    """Refuse a result whose gradients at its inputs are not those of the expected one.

    inputs: what both were computed from, by its name in words; each needs gradients.
    """
    mix = torch.randn_like(wanted)
    given = list(inputs.values())
    found, expected = (
        torch.autograd.grad(
            (result * mix).sum(),
            given,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        for result in (got, wanted)
    )
    for name, one, other in zip(inputs, found, expected, strict=True):
        demand(
            same(one, other, 1e-3),
            f"the numbers are right, but the gradient at {name} is not: the way back is cut "
            "in one place (detach, no_grad, item, torch.tensor), or goes through nan.",
        )


def compare(
    got, expected: torch.Tensor, what: str, meaning: str, mistakes: Mapping[str, torch.Tensor]
) -> None:
    """Refuse a result unlike ``expected``, naming the mistake whose result it equals, if any does.

    mistakes: what each known mistake would have given, by the sentence that names it.
    """
    if isinstance(got, torch.Tensor):
        if same(got, expected):
            return
        # A softmax over hidden places only gives nan, which stands for 0 in ``mistakes``.
        for sentence, wrong in mistakes.items():
            if same(got.nan_to_num(), wrong.nan_to_num()):
                raise CheckError(f"{sentence}; {what} came out as {describe(got)}.")
    demand_tensor(got, expected.shape, what, meaning)
    demand(bool(torch.isfinite(got).all()), f"{what}: some numbers are nan or infinite.")
    off = (got.float() - expected.to(got.device).float()).abs().flatten(1).amax(dim=1)
    row = int(off.argmax())
    raise CheckError(
        f"{what} {meaning} has the right shape and wrong numbers, first of all in row {row}: "
        f"{describe(got[row])}."
    )


def same(one: torch.Tensor, other: torch.Tensor, tolerance: float = 1e-4) -> bool:
    """Equal shapes, and numbers equal up to rounding."""
    if one.shape != other.shape:
        return False
    other = other.detach().to(one.device).float()
    return torch.allclose(one.detach().float(), other, atol=tolerance, rtol=tolerance)
