"""Train and evaluate, keep what was seen, and begin a lesson with the run of the last one."""

from practicum_utils.support.environment import full_or_fast, is_fast, pick_device, set_seed
from practicum_utils.training.history import Epoch, History, Metrics
from practicum_utils.training.keeping import restore_work, save_work
from practicum_utils.training.loop import fit, run_epoch
from practicum_utils.training.recipe import RECIPE, Recipe
from practicum_utils.training.runs import recall, recall_answers, remember
from practicum_utils.training.trained import load_trained

__all__ = [
    "RECIPE",
    "Epoch",
    "History",
    "Metrics",
    "Recipe",
    "fit",
    "full_or_fast",
    "is_fast",
    "load_trained",
    "pick_device",
    "recall",
    "recall_answers",
    "remember",
    "restore_work",
    "run_epoch",
    "save_work",
    "set_seed",
]
