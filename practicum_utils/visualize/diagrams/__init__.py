"""Diagrams of models, drawn from their own tensors: a wrong model draws a wrong diagram."""

from practicum_utils.visualize.diagrams.canvas import Diagram
from practicum_utils.visualize.diagrams.recurrent import draw_rnn
from practicum_utils.visualize.diagrams.shapes import show_shapes

__all__ = ["Diagram", "draw_rnn", "show_shapes"]
