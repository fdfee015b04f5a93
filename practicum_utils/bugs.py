"""The catalogue of planted bugs: what the class sees, and what it learns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """A bug that the solutions carry on purpose.

    id: the name used by the marks in the lesson sources.
    symptom: what the reader sees, without the cause.
    this_time, in_general: the two sentences of the summary.
    lesson: the number of the lesson in which the symptom shows and the bug is mended.
    """

    id: str
    title: str
    symptom: str
    this_time: str
    in_general: str
    lesson: str


_BUGS = (
    Bug(
        id="pad-is-a-word",
        title="The padding has the id of a word",
        symptom="real words look like padding",
        this_time="the word ids started at 0, so the commonest word got the id of `<pad>`.",
        in_general="reserve the special ids first, and check that no word maps to one.",
        lesson="01",
    ),
    Bug(
        id="average-of-averages",
        title="The metric averages the averages of the batches",
        symptom="the accuracy depends on the batch size",
        this_time="a last batch of one review counted as much as a batch of thousands.",
        in_general="add up sums and counts over all examples, and divide once at the end.",
        lesson="02",
    ),
    Bug(
        id="linear-input-size",
        title="A linear layer of the wrong input size",
        symptom="shapes cannot be multiplied",
        this_time="two readers, one per direction, give 2 * H numbers; the layer expected H.",
        in_general="print the shapes, and make sure that they are what you expect.",
        lesson="03",
    ),
    Bug(
        id="labels-one-two",
        title="Labels 1 and 2 where 0 and 1 are needed",
        symptom="the loss went below zero",
        this_time="1 was not subtracted from the raw label, so the loss met targets of 2.",
        in_general="make sure that the inputs of the loss function are valid: look at them.",
        lesson="03",
    ),
    Bug(
        id="missing-zero-grad",
        title="The gradients are never cleared",
        symptom="the loss does not go down",
        this_time="without `optimizer.zero_grad()`, every step used the sum of all gradients.",
        in_general="zero, backward, step: say it aloud whenever a loss stays flat.",
        lesson="03",
    ),
    Bug(
        id="double-sigmoid",
        title="A sigmoid before a loss that has its own",
        symptom="the loss does not go down",
        this_time="`BCEWithLogitsLoss` expects logits, and the model gave probabilities.",
        in_general="make sure that the inputs of the loss function are valid: look at their range.",
        lesson="04",
    ),
    Bug(
        id="tiny-learning-rate",
        title="A learning rate that is far too small",
        symptom="the loss does not go down",
        this_time="the loss *was* going down, only far too slowly at a learning rate of 1e-5.",
        in_general="plot a few epochs of the loss; if it falls slowly, go up by a factor of 10.",
        lesson="05",
    ),
    Bug(
        id="special-tokens-kept",
        title="The marks of start and end are decoded as text",
        symptom="no answer is one of the labels",
        this_time="the answer was right, but `<pad>` and `</s>` had been turned into text as well.",
        in_general="look at what a function gets, with `repr`, before you change what it does.",
        lesson="06",
    ),
)

CATALOGUE: dict[str, Bug] = {bug.id: bug for bug in _BUGS}


def find_bug(bug_id: str) -> Bug:
    """Return the bug of that id; KeyError, naming the known ids, if there is none."""
    if bug_id not in CATALOGUE:
        raise KeyError(f"There is no bug {bug_id!r}; the catalogue has {', '.join(CATALOGUE)}.")
    return CATALOGUE[bug_id]
