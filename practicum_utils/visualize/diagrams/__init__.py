"""Diagrams of models, drawn from their own tensors: a wrong model draws a wrong diagram."""

from practicum_utils.visualize.diagrams.canvas import Diagram
from practicum_utils.visualize.diagrams.masking import draw_masking
from practicum_utils.visualize.diagrams.pooling import draw_pooling, draw_weights

__all__ = ["Diagram", "draw_masking", "draw_pooling", "draw_weights"]
