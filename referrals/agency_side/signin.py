"""The hub's sign-in page, read in a narrower HTML than browsers take: of elements and attributes that run
nothing. What does not fit is named, whether or not a browser would run it: so a way to run a script that
nobody thought of here is named too. What the scripts may be is said in verify.py.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

# An address of this hub, in a spelling that all read alike: no "//elsewhere", no backslash, no "..".
_PART = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
OWN = re.compile(rf"/(?:{_PART}(?:/{_PART})*/?)?(?:\?[A-Za-z0-9._%&=/-]*)?")
# Every "<" begins one of these, and no value holds one: so no comment, no odd end of a text can hide a tag
# from us that a browser sees.
_HAS = r"""(?:[ \t\r\n]+[a-zA-Z][a-zA-Z0-9:._-]*(?:="[^"<]*"|='[^'<]*')?)*"""
_TAG = re.compile(
    rf"<(?:/(?P<end>[a-zA-Z][a-zA-Z0-9]*)|(?P<start>[a-zA-Z][a-zA-Z0-9]*)(?P<has>{_HAS}))[ \t\r\n]*/?>"
)
_ATTRIBUTE = re.compile(r"""([a-zA-Z][a-zA-Z0-9:._-]*)(?:="([^"]*)"|='([^']*)')?(?=[ \t\r\n]|$)""")
# What stands in these is text, up to their own end.
_RAW = frozenset({"script", "title", "textarea"})
_ELEMENTS = _RAW | frozenset(
    re.findall(
        r"\w+",
        """html head meta link body header main footer nav section article aside div span p h1 h2 h3 h4 a
        strong em small b i kbd code br hr ul ol li dl dt dd form fieldset legend label input select option
        optgroup button details summary svg path circle rect g""",
    )
)
_ATTRIBUTES = frozenset(
    re.findall(
        r"\w+",
        """lang dir class id name type value href src rel content charset tabindex role method action hidden
        title autocomplete maxlength minlength required disabled readonly checked selected multiple
        placeholder for autofocus pattern min max step rows cols size inputmode spellcheck autocapitalize
        enterkeyhint novalidate open integrity crossorigin defer async nomodule viewbox focusable d cx cy r
        x y width height""",
    )
)
_RUNS = re.compile(r"(java|vb|live)script:|^data:")
_LINKS = frozenset({"icon", "stylesheet", "manifest"})


@dataclass(frozen=True)
class Script:
    """A script of the page: its attributes, and what stands in it."""

    has: dict[str, str]
    inside: str

    @property
    def kind(self) -> str:
        return self.has.get("type", "").strip(" \t\r\n").lower()


def read_page(text: str) -> tuple[list[Script], list[str]]:
    """The page's scripts, and whatever else is not known to run nothing, in words."""
    scripts: list[Script] = []
    odd: list[str] = []
    begins = re.match(r"[ \t\r\n]*<!doctype html>", text, re.IGNORECASE)
    at = begins.end() if begins else 0
    within, since = "", dict[str, str]()
    while (opens := text.find("<", at)) >= 0:
        tag = _TAG.match(text, opens)
        if tag is None or (within and (tag["end"] or "").lower() != within):
            odd.append("a comment, or HTML that is no plain tag: " + text[opens : opens + 20])
            if within == "script":
                scripts.append(Script(since, text[at:]))
            return scripts, _once(odd)  # from here on browsers may read otherwise than we
        if within == "script":
            scripts.append(Script(since, text[at:opens]))
        within, at = "", tag.end()
        if tag["start"]:
            name = tag["start"].lower()
            since = _attributes(name, tag["has"], odd)
            within = name if name in _RAW else ""
    if within:
        odd.append(f"a {within} without an end")
        if within == "script":
            scripts.append(Script(since, text[at:]))
    return scripts, _once(odd)


def _attributes(element: str, text: str, odd: list[str]) -> dict[str, str]:
    """The element's attributes, of two of a name the first; what may run something goes to `odd`."""
    if element not in _ELEMENTS:
        odd.append(f"the element {element}")
    has: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        name, value = match[1].lower(), html.unescape(match[2] or match[3] or "")
        plain = re.sub(r"[\x00-\x20\x7f-\xa0]", "", value).lower()
        data = name.startswith(("aria-", "data-")) and not name.startswith("data-hx")
        if name not in _ATTRIBUTES and not data:
            odd.append(f"the attribute {name}")
        elif name in has:
            odd.append(f"the attribute {name} twice")
        elif _RUNS.search(plain):
            odd.append(f"an address that is a script, in {name}")
        elif (name == "action" or (name == "src" and element != "script")) and not OWN.fullmatch(value):
            odd.append(f"an address elsewhere, in {name}")
        has.setdefault(name, value)
    if element == "script" and "href" in has:
        odd.append("a script with href")
    if element == "link" and not (
        set(has.get("rel", "").lower().split()) <= _LINKS and OWN.fullmatch(has.get("href", ""))
    ):
        odd.append("a link to something else than this hub's pictures and styles")
    return has


def _once(said: list[str]) -> list[str]:
    return list(dict.fromkeys(shown(one) for one in said))


def shown(text: str) -> str:
    """A hub's own text, fit for a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text[:80])
