"""The lists that names are brought to one spelling by, and the register of keys, as a module for the browser.

They stand once, in `referrals.linkage`; `static/vault/linkdata.js` is written from there (`./dev manage
digests`) and held to it by a test.
"""

import json
from pathlib import Path

from referrals.linkage import keys, nicknames, normalise

PATH = Path(__file__).parent / "static" / "vault" / "linkdata.js"
_HEAD = """\
// Lists and keys that the browser shares with Python: written by `./dev manage digests` from
// referrals/linkage. Change them there.

"""


def text() -> str:
    """The module as it should be."""
    names = {id(view): name for name, view in vars(keys).items() if isinstance(view, keys.View)}
    said = {
        "version": normalise.VERSION,
        "mostHalves": normalise.MOST_HALVES,
        "joining": normalise.JOINING,
        "fold": normalise.FOLD,
        "titles": sorted(normalise.TITLES),
        "suffixes": sorted(normalise.SUFFIXES),
        "particles": sorted(normalise.PARTICLES),
        "noName": sorted(normalise.NO_NAME),
        "emptying": sorted(normalise.EMPTYING),
        "noSsn": sorted(normalise.NO_SSN),
        "noZip": sorted(normalise.NO_ZIP),
        "formal": nicknames.FORMAL,
        "keys": {key.id: [names[id(view)] for view in key.views] for key in keys.KEYS.values()},
    }
    lines = (f"  {name}: {json.dumps(value, separators=(',', ':'))}," for name, value in said.items())
    return _HEAD + "export const DATA = {\n" + "\n".join(lines) + "\n};\n"


def publish() -> None:
    """Write the module anew."""
    PATH.write_text(text())
