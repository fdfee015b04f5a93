"""Cells run before their time: a name that is not defined, made by a cell above, and nothing else.

The introduction of each notebook says what to do then. That verdicts stay where cells are run
again is tested in ``test_catch_up``; here are besides the package's answers to wrong objects.
"""

import ast

import matplotlib
import nbformat
import pytest
import torch
from datasets import Dataset
from IPython.core.inputtransformer2 import TransformerManager
from student_copies import STUDENT
from tiers import a_few
from torch import nn

from practicum_utils.authoring.build import find_root, notebooks
from practicum_utils.authoring.copies import CATCH_UP
from practicum_utils.data import ReviewDataset, Vocabulary, make_loader
from practicum_utils.models import SimpleRNN
from practicum_utils.training import fit, run_epoch


def cells_of(path):
    """The code cells as Python, every exercise solved by its catch-up line."""
    notebook = nbformat.read(path, as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return [TransformerManager().transform_cell(CATCH_UP.sub(r"\1", text)) for text in sources]


def made_by(cell):
    """The names that a cell leaves to those below it."""
    found = set()
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return found


def missing_name(cell, names):
    """The name whose absence stops the cell; None if it runs through."""
    try:
        exec(cell, dict(names))
    except NameError as error:
        return error.name
    return None


@pytest.mark.parametrize("after_setup", [False, True], ids=["fresh kernel", "after the setup"])
@pytest.mark.parametrize("path", a_few(STUDENT), ids=lambda path: path.stem)
def test_a_cell_before_its_time_names_what_a_cell_above_makes(path, after_setup, home):
    matplotlib.use("Agg")
    setup, *cells = cells_of(path)
    names, known, stopped = {}, made_by(setup), 0
    if after_setup:
        exec(setup, names)
    for cell in cells:
        missing = missing_name(cell, names)
        assert missing is None or missing in known, (missing, cell)
        assert missing not in names
        stopped += missing is not None
        known |= made_by(cell)
    assert stopped > len(cells) / 3


def test_the_introduction_says_what_to_do_about_it():
    sentence = "a cell says that a name is not defined, run the cells above it first."
    made = notebooks(find_root(), [])
    told = [path for path, notebook in made.items() if sentence in notebook.cells[0].source]
    assert sorted(path.stem for path in told) == [path.stem for path in STUDENT]
    assert {path.parent.name for path in told} == {"notebooks"}


@pytest.fixture
def dataset():
    rows = {"text": ["a good film", "a bad film"], "label": [2, 1]}
    return ReviewDataset(Dataset.from_dict(rows), Vocabulary(["a", "film"]))


def test_a_dataset_in_the_place_of_a_loader_is_named(dataset):
    model, sentence = SimpleRNN(6, 4, 4), "got a ReviewDataset.*make a loader of it with make_load"
    before = model.training
    with pytest.raises(TypeError, match=sentence):
        run_epoch(model, dataset, nn.BCEWithLogitsLoss())
    with pytest.raises(TypeError, match=sentence):
        fit(model, dataset, dataset, epochs=1)
    with pytest.raises(TypeError, match=sentence):
        fit(model, make_loader(dataset), dataset, epochs=1)
    assert model.training is before


def test_a_loader_without_a_batch_is_named():
    with pytest.raises(ValueError, match="no batch; it needs at least one"):
        run_epoch(SimpleRNN(6, 4, 4), [], nn.BCEWithLogitsLoss())
    with pytest.raises(ValueError, match="no batch; it needs at least one"):
        run_epoch(SimpleRNN(6, 4, 4), torch.utils.data.DataLoader([]), nn.BCEWithLogitsLoss())
