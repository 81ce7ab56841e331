"""How the panel looks: its one style sheet, in the theme's own colours, and the kinds of controls.

Widths are left to the front end: every row wraps, so that it fits beside a notebook as well as
below a cell. What a control says is text, never markup, unless it comes through `page`. What
controls do is done one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import ipywidgets

from ..errors import UserFacingError
from ..locks import lock
from ..text import escape_html, one_line

_turn = lock()
LABELLED = {"description_width": "initial"}
# Classes by which the page's script knows the buttons that ask M1, and what puts code into a cell.
ASKS, TO_CELL, BLOCKS = "m1-asks", "m1-to-cell", "m1-blocks"
STYLE = """
.m1-panel{--on:var(--jp-brand-color1,#1976d2);--edge:var(--jp-border-color1,#9e9e9e);
--fill:var(--jp-layout-color2,rgba(127,127,127,.15));--ink:var(--jp-ui-font-color1,inherit);
--quiet:var(--jp-ui-font-color2,gray);
color:var(--ink);max-width:100%;box-sizing:border-box;gap:0;
.widget-hbox{flex-flow:row wrap;gap:6px;align-items:center;overflow:visible}
.widget-vbox{gap:4px;overflow:visible}
.widget-label{white-space:normal;line-height:normal;height:auto}
button{width:auto;min-width:0;margin:0;border-radius:3px}
button:focus-visible,input:focus-visible,select:focus-visible,
.m1-shown:focus-visible,.m1-copy:focus-visible{
 outline:2px solid var(--on)!important;outline-offset:1px}
.widget-html,.widget-htmlmath{width:auto;max-width:100%;margin:0}
.widget-html-content,.widget-htmlmath-content{
 line-height:normal;overflow-x:auto;max-width:100%;min-width:0;align-self:stretch;flex:1 1 auto}
.m1-shown{width:100%;max-height:min(65vh,44em);overflow:hidden auto;padding:2px;
 overflow-wrap:anywhere;box-sizing:border-box;flex-flow:column;gap:0}
.m1-shown:empty{display:none}
.m1-shown>*{flex:none}
.m1-turn{gap:2px;margin:0 0 10px}
.m1-asked,.m1-sending:not(:empty){margin:0 0 4px auto;width:fit-content;
 max-width:85%;padding:6px 10px;border-radius:10px;white-space:pre-wrap;overflow-wrap:anywhere;
 max-height:14em;overflow-y:auto;box-sizing:border-box;
 background:var(--fill);
 font-size:var(--jp-content-font-size1,14px);line-height:1.4}
.m1-sending:not(:empty)::after{content:"sending…";display:block;font-size:11px;
 color:var(--ink)}
.m1-spoken{width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.m1-answer pre,.m1-answer pre *{background:var(--jp-layout-color0,transparent)!important}
.m1-answer pre{border:1px solid var(--edge)}
.m1-answer .c{color:inherit;opacity:.75}
.m1-streams .m1-answer:last-child>:last-child::after{content:" ▍";
 color:var(--on)}
.m1-entry{flex-flow:row nowrap;align-items:flex-end;margin:4px 0;padding:4px;
 border:1px solid var(--edge);border-radius:6px;
 background:var(--jp-layout-color0,transparent);
 &:focus-within{border-color:var(--on);
  box-shadow:0 0 0 1px var(--on)}}
.m1-prompt{flex:1 1 auto;width:auto;min-width:0;margin:0;height:auto}
.m1-prompt>.widget-label,.m1-list>.widget-label{
 width:0;min-width:0;height:0;margin:0;padding:0;overflow:hidden}
.m1-prompt textarea{resize:none;width:100%;min-height:2.2em;max-height:14em;
 field-sizing:content;border:0;background:transparent;color:inherit;padding:4px 6px;height:auto;
 font-family:inherit;font-size:var(--jp-content-font-size1,14px);line-height:1.4;
 &::placeholder{color:var(--quiet);opacity:1}}
.m1-stop:disabled{display:none}
.m1-entry button{flex:none;border-radius:6px;padding:0 12px}
.m1-tools{min-height:28px}
.m1-chips{display:contents}
.m1-chips .widget-checkbox{width:auto;max-width:100%;margin:0;flex:0 0 auto;height:auto;
 border:1px solid var(--edge);border-radius:13px;padding:2px 10px 2px 8px;
 &:has(input:checked){background:var(--fill)}}
.m1-chips:not(.m1-adding) .widget-checkbox:not(:has(input:checked,:focus-visible)){
 display:none}
.m1-chips .widget-checkbox:has(input:disabled:not(:checked)){display:none}
.widget-checkbox label{display:flex;align-items:center;gap:6px;width:auto;max-width:100%;
 font-size:var(--jp-ui-font-size1,13px);overflow-wrap:anywhere;white-space:normal;line-height:1.3}
.widget-checkbox input{margin:0;flex:none}
.m1-quiet,.m1-fold{background:transparent;box-shadow:none;
 color:var(--ink);border:1px solid transparent;padding:0 8px;
 &:hover{border-color:var(--edge)}
 &.mod-active{background:var(--fill)}}
.m1-counts{margin-left:auto;max-width:100%;overflow:hidden;text-overflow:ellipsis;
 font-size:12px;font-variant-numeric:tabular-nums}
.m1-secret{flex:1 1 16em;max-width:32em}
.m1-secret input{width:100%;box-sizing:border-box;padding:4px 8px;
 color:inherit;background:var(--jp-layout-color1,transparent);
 border:1px solid var(--edge)}
.m1-error{border-left:3px solid var(--jp-error-color1,#c00);padding:2px 8px;margin:4px 0}
.m1-note{color:var(--quiet);margin:4px 0;font-size:12px}
.m1-copy{user-select:all;white-space:pre;overflow:auto;max-height:24em;margin:0;
 padding:.5em .8em;background:var(--jp-cell-editor-background,rgba(127,127,127,.1))}
}
"""
# The same for what is folded away at first: a saved notebook has it only once it was opened.
FOLDED = """.m1-panel{
.widget-text,.widget-dropdown,.widget-combobox{
 width:auto;margin:0;max-width:24em}
.widget-hbox>.widget-text,.widget-hbox>.widget-dropdown,
.widget-hbox>.widget-combobox{flex:1 1 11em;min-width:9em}
.m1-list{width:auto;margin:0}
.m1-list select{width:100%}
.m1-more{border-left:3px solid var(--edge);padding-left:8px;
 margin:4px 0}
.m1-side{flex:1 1 20em;min-width:0}
.widget-hbox:has(>*>*>.m1-tiles){column-gap:18px}
.m1-tiles{display:flex;flex-wrap:wrap;gap:2px 18px;line-height:1.35}
.m1-tiles span{display:block;white-space:nowrap;font-variant-numeric:tabular-nums}
.m1-tiles .m1-name{font-size:11px;color:var(--quiet)}
.m1-bar{width:auto;margin:0;max-width:32em;height:10px;min-height:0}
.m1-bar .progress{height:8px;align-self:center}
}"""


# What the controls of a panel have in common: a layout or style of its own would be one message
# more to open each of them, and one model more in a saved notebook.
_common: ContextVar[dict[str, Any] | None] = ContextVar("m1-common", default=None)


@contextmanager
def in_common(common: dict[str, Any]) -> Iterator[None]:
    """Let the controls that are made here have layout and styles in common, kept in ``common``."""
    token = _common.set(common)
    try:
        yield
    finally:
        _common.reset(token)


def made(kind: Any, *args: Any, **more: Any) -> Any:
    """Return a control of that kind."""
    common = _common.get()
    if common is None:
        return kind(*args, **more)
    keys = {"layout": "layout", "style": kind.__name__}
    known = {name: common[key] for name, key in keys.items() if key in common}
    widget = kind(*args, **(known | more))
    for name, key in keys.items():
        if key not in common and name not in more and hasattr(widget, name):
            common[key] = getattr(widget, name)
            common[key].in_common = True
    return widget


def named(widget: Any, name: str) -> Any:
    """Return the widget, with a class of the style sheet if one is named."""
    if name:
        widget.add_class(name)
    return widget


def html(value: str = "") -> Any:
    """Return a place for markup that is safe already."""
    return made(ipywidgets.HTML, value)


def rendered(value: str = "", kind: type[ipywidgets.HTML] = ipywidgets.HTML) -> Any:
    """Return a place for a part of an answer, as HTML that is safe already."""
    return named(kind(value), "jp-RenderedHTMLCommon")


def row(*children: ipywidgets.Widget, name: str = "") -> Any:
    """Return controls side by side, in as many lines as it takes."""
    return named(made(ipywidgets.HBox, children), name)


def column(*children: ipywidgets.Widget, name: str = "") -> Any:
    """Return controls one below the other."""
    return named(made(ipywidgets.VBox, children), name)


@contextmanager
def in_turn() -> Iterator[None]:
    """Let what a user does be done one after the other, in all panels; to decorate handlers with.

    JupyterLab sends some of the clicks to a subshell of the kernel, whose thread handles them
    beside the main one. A call's own thread takes no turn: Stop and Close wait for it in theirs.
    """
    with _turn:
        yield


def button(label: str, pressed: Callable[[], object], tip: str = "", **more: Any) -> Any:
    """Return a button; ``tip`` says what it does."""
    one = made(ipywidgets.Button, description=label, tooltip=tip or label, **more)
    one.on_click(in_turn()(lambda _: pressed()))
    return one


def text(label: str, hint: str = "", kind: Any = ipywidgets.Text, **more: Any) -> Any:
    """Return a field with a label in front, whose value comes when it is left."""
    more |= {"style": LABELLED, "continuous_update": False}
    return kind(description=label, placeholder=hint, **more)


def choice(label: str, options: Sequence[tuple[str, str] | str], value: str) -> Any:
    """Return a list to choose one from."""
    return ipywidgets.Dropdown(description=label, options=options, value=value, style=LABELLED)


def set_visible(widget: ipywidgets.DOMWidget, visible: bool) -> None:
    """Show or hide a part of the panel."""
    if visible == (widget.layout.display != "none"):
        return
    if getattr(widget.layout, "in_common", False):
        widget.layout = ipywidgets.Layout()
    widget.layout.display = None if visible else "none"


def set_choices(field: Any, options: Sequence[tuple[str, Any]]) -> None:
    """Offer these to choose from; what is chosen stays so, if it is among them."""
    chosen, field.options = field.value, tuple(options)
    values = [value for _, value in options]
    if isinstance(chosen, tuple):
        field.value = [value for value in chosen if value in values]
    elif chosen in values:
        field.value = chosen


def fold(
    label: str,
    place: Any,
    make: Callable[[], Any],
    turned: Callable[[bool], None] = lambda _: None,
    rank: int = 0,
) -> Any:
    """Return a button that shows and hides a part, made when it is first shown.

    It stands in ``place``, below those of a lower rank. ``turned`` is told before it is shown.
    """
    toggle = named(made(ipywidgets.ToggleButton, description=label), "m1-fold")
    parts: list[Any] = []

    def change(now: dict[str, Any]) -> None:
        if not place.children:
            sheet = html(f"<style>{FOLDED}</style>")
            sheet.rank = -1
            place.children = (sheet,)
        if not parts:
            parts.append(make())
            parts[0].rank = rank
            place.children = sorted((*place.children, *parts), key=lambda part: part.rank)
        turned(now["new"])
        set_visible(parts[0], now["new"])

    toggle.observe(in_turn()(change), "value")
    return toggle


def failure(error: BaseException) -> str:
    """Return an error as one paragraph that a screen reader reads out."""
    ours = isinstance(error, UserFacingError)
    message = str(error) if ours else one_line(f"{type(error).__name__}: {error}")
    return f'<p class="m1-error mathjax_ignore" role="alert">{escape_html(message)}</p>'


def note(text: str) -> str:
    """Return a remark of ours."""
    return f'<p class="m1-note mathjax_ignore" role="status">{escape_html(text)}</p>'


def dispose(*widgets: Any) -> None:
    """Close widgets and all within them, so that nothing of them is kept in kernel or page."""
    for widget in widgets:
        dispose(*getattr(widget, "children", ()))
        for part in ("layout", "style"):
            own = getattr(widget, part, None)
            if isinstance(own, ipywidgets.Widget) and not getattr(own, "in_common", False):
                own.close()
        widget.close()
