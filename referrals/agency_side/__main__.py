"""`python -m referrals.agency_side`."""

import sys

from .cli import main

sys.exit(main())
