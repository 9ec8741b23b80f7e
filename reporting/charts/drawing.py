"""Ink and paper for all pictures: marks, words, the two patterns, the frame that can be read aloud.

Colours are attributes: a file of its own has no style sheet, and the policy of a page lets no style in.
No number of a table is read here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from xml.sax.saxutils import escape, quoteattr

from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from reporting.reading import Names

# The colours of the look (casehub.css).
INK, QUIET, EDGE, LINE, PAPER = "#1c1d1f", "#565c65", "#71767a", "#dfe1e2", "#fff"
DARK, SOLID, MID, PALE, WASH = "#0e4f5c", "#00687d", "#449dac", "#99deea", "#e7f6f8"
WIDE, NARROW = 560, 343
_SHEET = 720
"""How wide a file of several pictures is at least."""
_LINE = 17
_MARGIN = 16


class Svg(SafeString):
    """A picture as text. Everything in it that is not ours was escaped. It knows its own size, and the fills
    that it uses and does not explain: pairs of fill or kind, and words."""

    width: float
    height: float
    key: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a picture is wanted. `name`: its id, of which a page has no two alike. `narrow`: for a phone.
    `alone`: a file of its own, with heading, signs and caveats inside. `names`: what values are called."""

    name: str = "chart"
    narrow: bool = False
    alone: bool = False
    names: Names = field(default_factory=dict)

    @property
    def width(self) -> int:
        return NARROW if self.narrow else WIDE


def shape(tag: str, tip: str = "", **attributes: object) -> str:
    """One element. Underscores become hyphens; numbers get one decimal; None is left out. `tip` is what a
    pointer is told: nothing that the table beside does not say."""
    said = "".join(
        f" {name.rstrip('_').replace('_', '-')}={quoteattr(_text(value))}"
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{said}><title>{escape(tip)}</title></{tag}>" if tip else f"<{tag}{said}/>"


def words(
    x: float,
    y: float,
    said: str,
    *,
    size: float = 13,
    weight: int = 400,
    fill: str = INK,
    anchor: str = "start",
    halo: bool = False,
) -> str:
    """A line of text with its foot at `y`; `halo` keeps it readable over marks."""
    around = ' stroke="#fff" stroke-width="3" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{_text(x)}" y="{_text(y)}" font-size="{_text(size)}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}"{around}>{escape(said)}</text>'
    )


def width_of(said: str, size: float = 13) -> float:
    """About how wide a line is: a server has no fonts to measure with."""
    return 0.57 * size * len(said)


def lines_of(said: str, room: float, size: float = 13, most: int = 2) -> list[str]:
    """The text in lines that fit the room; the last one ends in an ellipsis where more is left."""
    return wrap(said, max(6, int(room / (0.57 * size))), max_lines=most, placeholder="…") or [""]


def hidden(look: Look) -> str:
    """The fill of everything hidden."""
    return f"url(#{look.name}-hid)"


def missing(look: Look) -> str:
    """The fill of what nobody reported."""
    return f"url(#{look.name}-nr)"


def sign(look: Look, kind: str, x: float, y: float, width: float = 60, height: float = 14) -> str:
    """What stands in place of a bar: as wide as every other of its kind, whatever the figure."""
    if kind == "hidden":
        return shape("rect", x=x, y=y, width=width, height=height, fill=hidden(look), stroke=QUIET)
    if kind == "missing":
        return shape(
            "rect",
            x=x,
            y=y,
            width=width,
            height=height,
            fill=missing(look),
            stroke=EDGE,
            stroke_dasharray="4 3",
        )
    if kind == "zero":
        return shape("rect", x=x, y=y, width=min(width, 6), height=height, fill=PAPER, stroke=INK)
    return ""


def bar(x: float, y: float, low: float, high: float, height: float = 14) -> str:
    """A bar that lies: solid to the least, pale with an edge to the most."""
    pale = shape("rect", x=x, y=y, width=high, height=height, fill=PALE, stroke=SOLID) if high > low else ""
    return pale + shape("rect", x=x, y=y, width=low, height=height, fill=SOLID)


def legend(
    look: Look, marks: Sequence[tuple[str, str]], y: float, width: float, size: float = 12.5
) -> tuple[list[str], float]:
    """Swatches with words, (fill or kind, words), in the lines they need. Returns these and their foot."""
    out, x = [], 0.0
    for fill, said in marks:
        needs = 30 + width_of(said, size)
        if x and x + needs > width:
            x, y = 0.0, y + 20
        if fill in ("hidden", "missing", "zero"):
            out.append(sign(look, fill, x + 0.5, y + 0.5, 21, 13))
            if fill == "zero":
                out[-1] = shape("rect", x=x + 0.5, y=y + 0.5, width=21, height=13, fill=PAPER, stroke=INK)
        elif fill == "dotted":
            out.append(
                shape(
                    "path", d=f"M{x + 2:g} {y + 7:g}h18", fill="none", stroke=EDGE, stroke_width=2.5,
                    stroke_linecap="round", stroke_dasharray="0.1 6",
                )
            )  # fmt: skip
        elif fill == "dashed":
            out.append(
                shape(
                    "rect", x=x + 0.5, y=y + 0.5, width=21, height=13, fill=WASH, stroke=SOLID,
                    stroke_dasharray="4 3",
                )
            )  # fmt: skip
        elif fill == "none":
            out.append(
                shape(
                    "rect", x=x + 0.5, y=y + 0.5, width=21, height=13, fill=PAPER, stroke=EDGE,
                    stroke_dasharray="1 2",
                )
            )  # fmt: skip
        else:
            out.append(shape("rect", x=x + 0.5, y=y + 0.5, width=21, height=13, fill=fill, stroke=INK))
        out.append(words(x + 28, y + 11.5, said, size=size))
        x += needs + 14
    return out, y + 20


def signs(kinds: Iterable[str]) -> list[tuple[str, str]]:
    """The explanation of the signs that a picture uses, in one order."""
    used = set(kinds)
    meant = [
        ("hidden", gettext("Hidden: too few, or would give a hidden one away")),
        ("missing", gettext("Not reported")),
        ("zero", gettext("0: no record, not no need")),
        ("none", gettext("No population known")),
    ]
    return [one for one in meant if one[0] in used]


def frame(
    look: Look,
    body: Iterable[str],
    *,
    width: float,
    height: float,
    title: str,
    says: str,
    caveats: Iterable[tuple[str, str]],
    key: Sequence[tuple[str, str]] = (),
) -> Svg:
    """The picture: its name and what it says for those who hear it, the patterns, the body; alone on paper
    also heading, key and caveats."""
    head, foot, tall = list[str](), list[str](), height
    if look.alone:
        titles = lines_of(title, width, 18, 3)
        head = [words(0, 20 + 22 * at, line, size=18, weight=700) for at, line in enumerate(titles)]
        drop = 16 + 22 * len(titles)
        drawn, end = legend(look, key, height + drop + 12, width) if key else ([], height + drop)
        notes = [
            line for label, said in caveats for line in wrap(f"{label}: {said}", max(30, int(width / 6.6)))
        ]
        foot = [
            *drawn,
            *(words(0, end + 18 + 15 * at, one, size=11.5, fill=QUIET) for at, one in enumerate(notes)),
        ]
        tall = end + 18 + 15 * len(notes)
        body = [f'<g transform="translate(0 {_text(drop)})">', *body, "</g>"]
    edge = _MARGIN if look.alone else 0
    wide, tall = width + 2 * edge, tall + 2 * edge
    size = (
        f'width="{_text(wide)}" height="{_text(tall)}"'
        if look.alone
        else f'class="chart{" chart--row" if width > WIDE else ""}" focusable="false"'
    )
    name, box = look.name, f"{-edge} {-edge} {_text(wide)} {_text(tall)}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" {size} role="img" '
        f'aria-labelledby="{name}-t {name}-d" lang="{get_language() or "en"}" direction="ltr" '
        'font-family="Public Sans, Arial, sans-serif">',
        f'<title id="{name}-t">{escape(title)}</title>',
        f'<desc id="{name}-d">{escape(says or gettext("No figure is shown."))}</desc>',
        f'<defs><pattern id="{name}-hid" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{PAPER}"/>'
        f'<rect width="1.8" height="6" fill="{QUIET}"/></pattern>'
        f'<pattern id="{name}-nr" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="8" height="8" fill="{PAPER}"/><circle cx="2" cy="2" r="1.25" fill="{QUIET}"/>'
        f'<circle cx="6" cy="6" r="1.25" fill="{QUIET}"/></pattern></defs>',
        f'<rect x="{-edge}" y="{-edge}" width="{_text(wide)}" height="{_text(tall)}" fill="{PAPER}"/>',
        *head,
        *body,
        *foot,
        "</svg>",
        "",
    ]
    # Every piece of text above went through escape() or quoteattr().
    made = Svg("\n".join(out))
    made.width, made.height, made.key = width, tall, () if look.alone else tuple(key)
    return made


def explained(pictures: Iterable[Svg], *, look: Look) -> Svg:
    """The fills that these pictures use and don't explain, with words, once for all."""
    key = _keys_of(pictures)
    body, height = legend(look, key, 2, look.width)
    said = "; ".join(text for _fill, text in key)
    return frame(
        look,
        body,
        width=look.width,
        height=height,
        title=gettext("What the fills mean"),
        says=said,
        caveats=(),
    )


def together(
    look: Look, pictures: Sequence[tuple[str, Svg]], *, title: str, caveats: Iterable[tuple[str, str]]
) -> Svg:
    """Several pictures in one file, each below its name; small ones stand beside one another."""
    width = max(_SHEET, *(picture.width for _name, picture in pictures))
    x, y, foot = 0.0, 0.0, 0.0
    body = []
    for name, picture in pictures:
        if x and x + picture.width > width:
            x, y = 0.0, foot
        lines = lines_of(name, picture.width, 14, 3)
        body += label_lines(x, y + 16, lines, size=14, weight=700)
        top = y + 12 + _LINE * len(lines)
        body += [
            f'<svg x="{_text(x)}" y="{_text(top)}" width="{_text(picture.width)}" '
            f'height="{_text(picture.height)}">',
            picture,
            "</svg>",
        ]
        foot = max(foot, top + picture.height + 20)
        x += picture.width + 24
    says = "; ".join(name for name, _picture in pictures)
    key = _keys_of(picture for _name, picture in pictures)
    return frame(look, body, width=width, height=foot, title=title, says=says, caveats=caveats, key=key)


def _keys_of(pictures: Iterable[Svg]) -> list[tuple[str, str]]:
    """All their fills, each once: classes first, then signs in their one order."""
    found = list(dict.fromkeys(one for picture in pictures for one in picture.key))
    kinds = [sign for sign, _said in signs(fill for fill, _said in found)]
    return sorted(found, key=lambda one: kinds.index(one[0]) + 1 if one[0] in kinds else 0)


def label_lines(x: float, y: float, lines: Sequence[str], **how: object) -> list[str]:
    """Lines of one label, the first with its foot at `y`."""
    return [words(x, y + _LINE * at * 0.85, line, **how) for at, line in enumerate(lines)]  # type: ignore[arg-type]


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)
