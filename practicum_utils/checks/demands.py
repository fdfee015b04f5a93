"""What every check is made of: a refusal in one sentence, careful calls, and a quiet room.

A check runs the learner's code, so anything can come of it. ``call`` turns whatever it raises into
a sentence that says where and with which input; ``undisturbed`` keeps random numbers, gradient mode
and printed lines of the learner's session as they were.
"""

import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from practicum_utils.support.environment import keep_random_numbers, set_seed
from practicum_utils.support.errors import in_one_line

LARGEST_SHOWN = 10  # numbers of a tensor that a message prints
INSIDE = re.compile(r"site-packages|dist-packages|[/\\]lib[/\\]python3|[/\\]practicum_utils[/\\]")

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
    (r"^KeyError", "the dictionary has no such entry; what is to happen then?"),
    (r"does not require grad", "no record for gradients: no_grad, or a path that is cut"),
    (r"'NoneType' object has no attribute", "something is None where an object was expected"),
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


def not_begun(message: str) -> NotImplementedError:
    """The friendly error of an exercise that is still a stub; a notebook shows its one line."""
    return in_one_line(NotImplementedError(message))


def call(function: Callable, *arguments, given: str = "", **named):
    """Call the learner's code; CheckError says what it raised, in which line, for which input.

    given: the input in words; made from the arguments if empty.
    A stub's NotImplementedError passes through.
    """
    try:
        return function(*arguments, **named)
    except CheckError:
        raise
    except Exception as error:
        if _is_stub(error):
            raise
        shown = given or ", ".join(map(describe, (*arguments, *named.values())))
        raise CheckError(f"{explained(error)} It was given {shown or 'nothing'}.") from error


def _is_stub(error: Exception) -> bool:
    if not isinstance(error, NotImplementedError):
        return False
    last = traceback.extract_tb(error.__traceback__)[-1]
    own = not INSIDE.search(last.filename) and "raise NotImplementedError" in (last.line or "")
    return own or str(error).startswith("Exercise ")


def explained(error: Exception) -> str:
    """What an exception says, in which line of the learner's, and what it often means."""
    text = " ".join(str(error).split()) or "no message"
    if 'missing the required "forward"' in text:
        return "the class has no method `forward`, so it cannot be called."
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.line and not INSIDE.search(frame.filename)]
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
    demand(value is not None, f"{what} came back as None; does every way through end in `return`?")


def demand_pair(value, what: str) -> tuple:
    """Return the two parts of a result that must have two."""
    demand_returned(value, what)
    fits = isinstance(value, list | tuple) and len(value) == 2
    demand(fits, f"{what} must be two things; it came back as {describe(value)}.")
    return value


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


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run a check on seeded random numbers, with gradients, in silence; leave no trace of it."""
    from IPython.utils.capture import capture_output  # it swallows a notebook's displays as well

    put_back = keep_random_numbers()
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    short = torch.backends.cudnn.allow_tf32
    try:
        with capture_output():
            torch.set_grad_enabled(True)
            torch.set_default_dtype(torch.float32)
            torch.backends.cudnn.allow_tf32 = False  # a GPU's short cuts blur equal results
            set_seed(0)
            yield
    finally:
        put_back()
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        torch.backends.cudnn.allow_tf32 = short
