"""The fitted scorer as a row: kept by the run over all, read by arrivals. It knows no record."""

import json

import numpy as np
from django.db.backends.utils import CursorWrapper

from referrals.linkage import score

# So exactly a posterior is kept: what a new fit moves by less is not written again.
_DIGITS = 4


def newest(cursor: CursorWrapper) -> score.Model | None:
    """The scorer in force; None before the first run over all."""
    cursor.execute(
        "SELECT keys, m::text, u::text, share, kin FROM referrals_linkmodel ORDER BY id DESC LIMIT 1"
    )
    row = cursor.fetchone()
    if row is None:
        return None
    keys, m, u, share, kin = row
    return score.Model(tuple(keys), np.array(json.loads(m)), np.array(json.loads(u)), share, tuple(kin))


def keep(cursor: CursorWrapper, model: score.Model, *, records: int, pairs: int) -> None:
    """From now on arrivals are scored by this one."""
    cursor.execute(
        "INSERT INTO referrals_linkmodel (keys, m, u, share, kin, records, pairs)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [
            list(model.keys),
            json.dumps(model.m.tolist()),
            json.dumps(model.u.tolist()),
            float(model.share),
            [float(one) for one in model.kin],
            records,
            pairs,
        ],
    )


def posteriors(model: score.Model, patterns: score.Patterns) -> score.Floats:
    """Of each pattern, as exactly as it is kept."""
    return np.round(model.posteriors(patterns), _DIGITS)
