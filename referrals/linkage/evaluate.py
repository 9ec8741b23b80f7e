"""How well the linker does on records whose truth is known: `python -m referrals.linkage.evaluate`.

It runs the normalisation, keys, tokens (under a key of the moment), scoring and clustering that the hub runs,
and, of two lists that name nobody twice, their competition (`rivals`), which the hub does not use yet; the
truth is read after the last of them. The only module here that reads files.
"""

import argparse
import csv
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from referrals.linkage import join, score
from referrals.linkage.cluster import clusters
from referrals.linkage.keys import Person
from referrals.linkage.rivals import Rivals
from referrals.linkage.tokens import local, tokens

FIELDS = ("name", "dob", "zip", "ssn4")
# A source with more sure pairs within it than this part of the records lists people twice.
TWICE = 0.01
_COLUMNS = {"name": ("first", "last"), "dob": ("dob",), "zip": ("zip",), "ssn4": ("ssn4",)}


class Refused(Exception):
    """The file can't be evaluated. The message is a whole sentence that says where, and quotes no name."""


@dataclass(frozen=True, slots=True)
class Records:
    """A labelled file in columns. `person` is the truth; the linker is never given it."""

    people: list[Person]
    source: npt.NDArray[np.uint8] | None
    person: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Linked:
    """What the linker says: pairs with their posterior, and groups of record numbers."""

    a: npt.NDArray[np.uint32]
    b: npt.NDArray[np.uint32]
    posterior: npt.NDArray[np.float64]
    groups: list[list[int]]
    model: score.Model


@dataclass(slots=True)
class Clock:
    """Seconds by step."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Takes the time of what runs inside."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


def read(path: Path, fields: Sequence[str] = FIELDS) -> Records:
    """The records of a CSV: `id,source,first,last,dob,ssn4,zip,person`, in any order, more columns allowed.

    Columns of other fields than `fields` may be absent and are not looked at; an absent source is an empty
    one. A byte order mark, semicolons and tabs are understood; a cell may be empty; a date that is none
    counts as unknown. Raises Refused.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8 text. Save it as CSV UTF-8.") from None
    head = text.partition("\n")[0]
    if not head.strip():
        raise Refused(f"{path} is empty.")
    delimiter = max(",;\t|", key=head.count)
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        names = [name.strip().lower() for name in next(rows)]
        place = {name: at for at, name in enumerate(names)}
        _check_columns(names, fields)
        return _records(rows, place, fields)
    except csv.Error as error:
        raise Refused(f"Line {rows.line_num} is no CSV: {error}.") from None


def _check_columns(names: list[str], fields: Sequence[str]) -> None:
    needed = ["id", "person", *(column for name in fields for column in _COLUMNS[name])]
    if missing := [column for column in needed if column not in names]:
        raise Refused(f"The file has no column {', '.join(missing)}. Its columns are: {', '.join(names)}.")
    if twice := [name for name, count in Counter(names).items() if count > 1 and name in needed]:
        raise Refused(f"The file has more than one column {', '.join(twice)}.")


def _records(rows: Iterable[list[str]], place: dict[str, int], fields: Sequence[str]) -> Records:
    used = {column for name in fields for column in _COLUMNS[name]}
    seen: set[str] = set()
    sources: list[str] = []
    truth: dict[str, int] = {}
    person, people = [], []
    for line, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(place):
            raise Refused(f"Line {line} has {len(row)} cells, the first line {len(place)}.")
        identifier, real = row[place["id"]].strip(), row[place["person"]].strip()
        if not identifier or not real:
            raise Refused(f"Line {line} has no {'person' if identifier else 'id'}.")
        if identifier in seen:
            raise Refused(f"Line {line} has the id of an earlier line. Ids must differ.")
        seen.add(identifier)
        cell = {column: row[place[column]] for column in used}
        people.append(
            Person.of(
                first=cell.get("first", ""),
                last=cell.get("last", ""),
                dob=cell.get("dob", ""),
                ssn4=cell.get("ssn4", ""),
                zip5=cell.get("zip", ""),
            )
        )
        sources.append(row[place["source"]].strip() if "source" in place else "")
        person.append(truth.setdefault(real, len(truth)))
    if not people:
        raise Refused("The file has a first line and no records.")
    two = sorted(set(sources))
    source = None
    if len(two) == 2 and all(two):
        source = np.array([two.index(name) for name in sources], dtype=np.uint8)
    return Records(people, source, np.array(person, dtype=np.int64))


def link(
    people: Sequence[Person], source: npt.NDArray[np.uint8] | None = None, *, clock: Clock | None = None
) -> Linked:
    """Tokens under a key of the moment, pairs, posteriors, groups."""
    clock = clock or Clock()
    with clock.step("tokens"):
        keyed = local(secrets.token_bytes(32))
        held = join.Held.of([tokens(person, keyed, epoch=1) for person in people])
    return link_held(held, source, clock=clock)


def link_held(
    held: join.Held, source: npt.NDArray[np.uint8] | None = None, *, clock: Clock | None = None
) -> Linked:
    """Pairs, posteriors and groups of tokens that exist already.

    Records of sources that list nobody twice compete for each other.
    """
    clock = clock or Clock()
    with clock.step("join"):
        pairs = every = join.pairs(held)
        if source is not None:
            pairs = join.parted(every, held, source)
    with clock.step("score"):
        rivals = None
        if source is not None and _nobody_twice(held, every, source):
            rivals = Rivals(pairs, source)
        model = _fitted(held, pairs, rivals)
        if rivals is None:
            posterior = model.posteriors(pairs.patterns)[pairs.pattern]
        else:
            posterior = rivals.posteriors(model.odds(pairs.patterns), model.share)
    with clock.step("cluster"):
        sure = posterior >= score.LINK
        edges = zip(pairs.a[sure].tolist(), pairs.b[sure].tolist(), posterior[sure].tolist(), strict=True)
        groups = clusters(edges)
    return Linked(pairs.a, pairs.b, posterior, groups, model)


def _fitted(held: join.Held, pairs: join.Pairs, rivals: Rivals | None = None) -> score.Model:
    return score.fit(
        join.ORDER,
        pairs.patterns,
        records=held.records,
        comparable=pairs.comparable,
        exposed=pairs.exposed,
        once=None if rivals is None else rivals.means,
    )


def _nobody_twice(held: join.Held, pairs: join.Pairs, source: npt.NDArray[np.uint8]) -> bool:
    sure = _fitted(held, pairs).posteriors(pairs.patterns)[pairs.pattern] >= score.LINK
    return int((source[pairs.a[sure]] == source[pairs.b[sure]]).sum()) <= TWICE * held.records


def report(records: Records, linked: Linked, clock: Clock) -> dict[str, Any]:
    """The figures of out.json."""
    true_pairs = _true_pairs(records)
    right = records.person[linked.a] == records.person[linked.b]
    sure = linked.posterior >= score.LINK
    asked = (linked.posterior >= score.REVIEW) & ~sure
    found, said = int((right & sure).sum()), int(sure.sum())
    settled = int((right & asked).sum())
    return {
        "records": len(records.people),
        "true_pairs": true_pairs,
        "auto": _rates(found, said, true_pairs),
        "with_review": _rates(found + settled, said + settled, true_pairs),
        "review_pairs": int(asked.sum()),
        "clusters": _cluster_rates(records, linked.groups, true_pairs),
        "seconds": clock.seconds,
    }


def _true_pairs(records: Records) -> int:
    def couples(counts: npt.NDArray[np.int64]) -> int:
        return int((counts * (counts - 1) // 2).sum())

    every = couples(np.bincount(records.person))
    if records.source is None:
        return every
    return every - sum(couples(np.bincount(records.person[records.source == side])) for side in (0, 1))


def _cluster_rates(records: Records, groups: list[list[int]], true_pairs: int) -> dict[str, float | int]:
    """Of all pairs within a group, by the truth; with two sources, of those across."""
    said = right = 0
    for group in groups:
        members = np.array(group)
        people = records.person[members]
        a, b = np.triu_indices(len(members), 1)
        counts = np.ones(len(a), dtype=bool)
        if records.source is not None:
            counts = records.source[members][a] != records.source[members][b]
        said += int(counts.sum())
        right += int((counts & (people[a] == people[b])).sum())
    rates = _rates(right, said, true_pairs)
    return {
        "precision": rates["precision"],
        "recall": rates["recall"],
        "max_size": max(map(len, groups), default=1),
    }


def _rates(right: int, said: int, true: int) -> dict[str, float]:
    """Nothing said is nothing wrong; nothing to find is nothing missed."""
    precision = right / said if said else 1.0
    recall = right / true if true else 1.0
    both = precision + recall
    f1 = 2 * precision * recall / both if both else 0.0
    return {"precision": round(precision, 6), "recall": round(recall, 6), "f1": round(f1, 6)}


def _fields(text: str) -> tuple[str, ...]:
    chosen = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in chosen if name not in FIELDS]:
        raise argparse.ArgumentTypeError(f"no field {', '.join(unknown)}; there are {', '.join(FIELDS)}")
    if not chosen:
        raise argparse.ArgumentTypeError(f"name at least one of {', '.join(FIELDS)}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 2, with a sentence on standard error, if the file can't be evaluated."""
    parser = argparse.ArgumentParser(
        prog="./dev link-eval", description="How well the linker does on records whose truth is known."
    )
    parser.add_argument(
        "--file", type=Path, required=True, help="a CSV: id,source,first,last,dob,ssn4,zip,person"
    )
    parser.add_argument(
        "--fields",
        type=_fields,
        default=FIELDS,
        metavar="LIST",
        help=f"of {','.join(FIELDS)}; all by default",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, not to the screen")
    chosen = parser.parse_args(arguments)
    clock = Clock()
    try:
        with clock.step("read"):
            records = read(chosen.file, chosen.fields)
        linked = link(records.people, records.source, clock=clock)
        text = json.dumps(report(records, linked, clock), indent=2) + "\n"
        if chosen.json is None:
            sys.stdout.write(text)
        else:
            chosen.json.write_text(text)
    except Refused as error:
        sys.stderr.write(f"link-eval: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"link-eval: {chosen.json} can't be written: {error.strerror}.\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
