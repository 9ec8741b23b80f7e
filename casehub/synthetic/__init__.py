"""The synthetic network: invented agencies, clients and files for demonstrations, tests and measurements.

Deterministic, pure Python, nothing real in it. `world` invents, `write_hmis` writes one agency's export,
`write_truth` writes what only tests may know. Making database rows of it is the demo command's work.
"""

from casehub.synthetic.hmis_files import Defect, Written, write_hmis, write_network
from casehub.synthetic.people import World, world
from casehub.synthetic.truth import YearTruth, write_truth, year_truth

__all__ = [
    "Defect",
    "World",
    "Written",
    "YearTruth",
    "world",
    "write_hmis",
    "write_network",
    "write_truth",
    "year_truth",
]
