"""Invented names and impossible identifiers, and the ways agencies misspell them.

Nobody is called this: first names are plants and birds, last names are two landscape words with an
underscore. Who is called what stands in `people`.
"""

import hashlib
from random import Random

# fmt: off
FIRST = (
    "Alder", "Aster", "Avocet", "Birch", "Bittern", "Bramble", "Briar", "Bunting", "Burdock", "Campion",
    "Cedar", "Chicory", "Clover", "Columbine", "Coot", "Cowslip", "Crake", "Curlew", "Dabchick",
    "Dipper", "Dove", "Dunlin", "Egret", "Elder", "Fennel", "Fern", "Finch", "Fir", "Foxglove",
    "Gentian", "Godwit", "Grebe", "Harebell", "Harrier", "Hawthorn", "Heron", "Hoopoe", "Hyssop",
    "Jackdaw", "Juniper", "Kestrel", "Kite", "Knot", "Lapwing", "Lark", "Larkspur", "Linden", "Linnet",
    "Lovage", "Mallow", "Marlow", "Martin", "Meadow", "Merlin", "Mistle", "Moss", "Nettle", "Nuthatch",
    "Oriole", "Osprey", "Ouzel", "Pansy", "Petrel", "Pipit", "Plover", "Plum", "Quill", "Quince",
    "Rail", "Raven", "Redstart", "Reed", "Robin", "Rook", "Rowan", "Rue", "Sage", "Sanderling",
    "Saxifrage", "Scaup", "Sedge", "Serin", "Shrike", "Siskin", "Snipe", "Sorrel", "Sparrow",
    "Starling", "Stint", "Swift", "Tansy", "Teal", "Tern", "Thistle", "Thrift", "Thrush", "Twite",
    "Vetch", "Wagtail", "Whimbrel", "Wigeon", "Willow", "Woad", "Wren", "Yarrow", "Zinnia",
)
_LAND = (
    "Bank", "Bay", "Beck", "Bend", "Bluff", "Bog", "Bourne", "Brae", "Bridge", "Brook", "Burn", "Cairn",
    "Cape", "Cliff", "Combe", "Copse", "Cove", "Crag", "Creek", "Dale", "Dell", "Delta", "Down", "Dune",
    "Eddy", "Fell", "Fen", "Field", "Firth", "Ford", "Fork", "Garth", "Gill", "Glade", "Glen", "Gorge",
    "Grove", "Gulf", "Heath", "Hill", "Holm", "Inlet", "Isle", "Knoll", "Lagoon", "Lake", "Lea",
    "Ledge", "Loch", "Marsh", "Mead", "Mere", "Mesa", "Mire", "Moor", "Mouth", "Ness", "Oxbow", "Pass",
    "Peak", "Pike", "Plain", "Pond", "Pool", "Quay", "Rapid", "Reach", "Ridge", "Rill", "River", "Run",
    "Scar", "Shoal", "Shore", "Slope", "Sound", "Spit", "Spring", "Stone", "Strand", "Stream", "Swale",
    "Tarn", "Thwaite", "Tor", "Vale", "Wade", "Wash", "Weir", "Wold", "Wood",
)
# fmt: on
PLACEHOLDERS = ("Unknown", "Unnamed", "Doe_Test")
EMPTY_SSN = "000000000"


def full_name(draw: Random) -> tuple[str, str]:
    """A first and a last name."""
    return draw.choice(FIRST), f"{draw.choice(_LAND)}_{draw.choice(_LAND)}"


def impossible_ssn(draw: Random) -> str:
    """Nine digits that were never an SSN (area 9xx) nor an ITIN (group below 50)."""
    return f"9{draw.randrange(100):02}{draw.randrange(50):02}{draw.randrange(1, 10_000):04}"


def fictional_phone(draw: Random) -> str:
    """A number of the range kept for fiction: 555-01xx."""
    return f"555-555-01{draw.randrange(100):02}"


def is_impossible_ssn(text: str) -> bool:
    """Whether nobody can have been given this number; also true of partial ones."""
    return text.startswith(("xxxxx", "000")) or (text[0] == "9" and int(text[3:5]) < 50)


def short_form(first: str) -> str:
    """What the client is called at the desk."""
    return first[:3]


def slip(name: str, place: int) -> str:
    """A slip of the pen at a place: two neighbours change seats, or one letter falls out."""
    at = 1 + place % max(1, len(name) - 2)
    if place % 2:
        return name[:at] + name[at + 1 :]
    return name[:at] + name[at + 1 : at + 2] + name[at] + name[at + 2 :]


def is_invented(name: str) -> bool:
    """Whether a name as it stands in a file comes from this list, misspelt or not."""
    if name in ("", *PLACEHOLDERS) or _is_hash(name):
        return True
    plain = name.replace(" ", "_").replace("-", "_")
    return plain.upper() in _spellings()


def soundex_hash(name: str) -> str:
    """What an HMIS export with HashStatus 4 puts in a name's place: SHA-256 of its American Soundex."""
    return hashlib.sha256(soundex(name).encode()).hexdigest() if name else ""


def soundex(name: str) -> str:
    """American Soundex: H and W do not part two letters of one code."""
    codes = {c: d for d, group in enumerate(("BFPV", "CGJKQSXZ", "DT", "L", "MN", "R"), 1) for c in group}
    letters = [c for c in name.upper() if c.isalpha()]
    if not letters:
        return ""
    out, last = letters[0], codes.get(letters[0])
    for letter in letters[1:]:
        code = codes.get(letter)
        if code and code != last:
            out += str(code)
        if letter not in "HW":
            last = code
    return out[:4].ljust(4, "0")


def _is_hash(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


_SPELLINGS: set[str] = set()


def _spellings() -> set[str]:
    if not _SPELLINGS:
        for name in (*FIRST, *(f"{a}_{b}" for a in _LAND for b in _LAND)):
            _SPELLINGS.update((name.upper(), short_form(name).upper()))
            _SPELLINGS.update(slip(name, place).upper() for place in range(2 * len(name)))
    return _SPELLINGS
