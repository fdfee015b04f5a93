"""The helper package of the Sequence Learning Practicum: twelve rooms, one idea each.

From the top down; a room imports what stands below it, and nothing above:

- ``authoring``: one lesson source, three notebooks; build, check, run, teach;
- ``clinic``: programs to practise diagnosis on;
- ``checks``: does an exercise's solution do what the exercise says;
- ``doctor``: what is wrong with a program that does not learn;
- ``bugs``: the catalogue of bugs, and how one is planted;
- ``prompting``: a text-to-text model asked by prompts;
- ``training``: epochs, what they have shown, and runs that are remembered;
- ``visualize``: pictures of training and of attention;
- ``metrics``: how good an answer is, and how far to trust that;
- ``models``: the models of the course;
- ``data``: from raw text to batches;
- ``support``: the machine and the session, files, errors, HTML, progress.

Lessons import from the rooms (``from practicum_utils.data import load_reviews``). This file imports
nothing, so that ``import practicum_utils`` is instant.
"""

__version__ = "0.1.0"
