"""The tool an agency runs on its own machine, so that identities never reach the hub.

Standard library only, and nothing else of this repository but `referrals.linkage`: the two are also
shipped as one file.
"""

__version__ = "1.0.0"


class Refused(Exception):
    """The input or an option can't be worked with. The message is a whole sentence for whoever runs the tool,
    and quotes no cell of the input."""
