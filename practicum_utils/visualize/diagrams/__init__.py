"""Diagrams of models, drawn from their own tensors: a wrong model draws a wrong diagram."""

from practicum_utils.visualize.diagrams.canvas import Diagram
from practicum_utils.visualize.diagrams.encoder_decoder import draw_encoder_decoder

__all__ = ["Diagram", "draw_encoder_decoder"]
