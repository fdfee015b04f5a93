"""Widgets that only choose: what they show is an ordinary output, which a saved notebook keeps."""

from collections.abc import Callable


def require_widgets(instead: str):
    """Return ipywidgets and IPython's display, imported only where a widget is asked for.

    instead: the argument that does the same without a widget.  Raises ImportError, naming it.
    """
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError(
            "Choosing with a widget needs ipywidgets; install it, or give the argument that "
            f"chooses ({instead})."
        ) from error
    from IPython.display import display

    return ipywidgets, display


def answer_typed(
    instead: str, placeholder: str, waiting: str, answer: Callable[[str], object], above: str = ""
) -> None:
    """Show a box; whatever is typed into it, ``answer`` of it stands below.

    instead: as in ``require_widgets``.  waiting: what stands below at first.
    answer: returns a text, or a view that IPython can display.  above: printed over the box.
    """
    widgets, display = require_widgets(instead)
    if above:
        print(above)
    layout = widgets.Layout(width="95%")
    box = widgets.Text(placeholder=placeholder, continuous_update=False, layout=layout)
    display(box)
    handle = display({"text/plain": waiting}, raw=True, display_id=True)

    def show(change) -> None:
        view = answer(change["new"])
        text = isinstance(view, str)
        handle.update({"text/plain": view} if text else view, raw=text)

    box.observe(show, names="value")
