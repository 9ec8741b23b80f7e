"""Who meets which agency when, and how far each client gets: the truth behind the files.

How it is written into files stands in `hmis_files`. A *person* is a human; a *record* is what one agency
has about a person, so a person has one or more records.

2023, 2024 and 2025 of Three Rivers are exact: so many records an agency, people, quarters and stages as the
tables below say, every event inside its year. Later years are people of their own, cut off at `as_of`.
A person has records in one year's cohort only, so no later or earlier year can change the figures of 2025.
"""

# Drawn numbers must repeat from a seed; nothing here guards anything.
# ruff: noqa: S311

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from random import Random
from statistics import NormalDist
from typing import Any, Literal

from casehub.synthetic import names, network
from casehub.synthetic.network import AgencySpec, CountySpec

Size = Literal["small", "medium", "large"]
STAGES = ("identified", "screened", "referred", "accepted", "enrolled", "in_service", "exited", "followed_up")
SILENCE_DAYS = 60


@dataclass(frozen=True, slots=True)
class Journey:
    """The day (ordinal) a record reaches each stage.

    `silent` is a lost client's last contact; `closed` ends a record that never became an enrollment.
    """

    identified: int
    screened: int | None = None
    referred: int | None = None
    accepted: int | None = None
    enrolled: int | None = None
    in_service: int | None = None
    exited: int | None = None
    followed_up: int | None = None
    silent: int | None = None
    closed: int | None = None

    def until(self, day: int) -> "Journey":
        """The journey as known on a day."""
        later: dict[str, Any] = {
            part.name: None
            for part in fields(self)
            if part.name != "identified" and (getattr(self, part.name) or 0) > day
        }
        return replace(self, **later) if later else self

    def ends(self, as_of: int) -> int:
        """The day of the last possible contact before the exit."""
        if self.exited:
            return min(self.silent or self.exited, self.exited)
        if self.enrolled:
            return self.silent or as_of
        return min(as_of, self.closed or self.last_step + 20)

    @property
    def last_step(self) -> int:
        """The day of the last stage before an enrollment."""
        return self.accepted or self.referred or self.screened or self.identified


@dataclass(frozen=True, slots=True)
class Person:
    """A human of the invented world, as nobody writes them down."""

    number: int
    first: str
    last: str
    born: date
    ssn: str
    sex: int
    race: str
    trafficking: str
    language: str
    county: CountySpec


@dataclass(frozen=True, slots=True)
class Record:
    """What one agency has about one person."""

    person: int
    personal_id: str
    journey: Journey


@dataclass(frozen=True, slots=True)
class Year:
    """The exact figures of one calendar year: records by agency and quarter, people, records by stage."""

    sizes: tuple[int, ...]
    people: int
    in_cedar: int
    quarters: tuple[int, int, int, int]
    stages: tuple[int, ...]
    lost: int
    median_stay: int


YEARS = {
    2023: Year(
        (31, 73, 49, 65, 57, 61, 0, 0, 20, 61, 0, 6),
        209,
        14,
        (98, 104, 112, 109),
        (423, 327, 264, 201, 172, 172, 172, 83),
        0,
        110,
    ),
    2024: Year(
        (34, 83, 56, 74, 64, 70, 30, 37, 23, 73, 8, 9),
        277,
        20,
        (131, 138, 149, 143),
        (561, 434, 350, 267, 228, 228, 228, 110),
        0,
        110,
    ),
    2025: Year(
        (39, 95, 64, 85, 74, 80, 35, 43, 26, 84, 9, 10),
        318,
        23,
        (151, 158, 172, 163),
        (644, 498, 402, 306, 281, 262, 128, 61),
        52,
        142,
    ),
}

# Median days to the next stage, and the most there are in an exact year.
_LAGS = ((3, 12), (4, 14), (2, 10), (5, 16), (2, 8))
_GO_ON = (0.77, 0.81, 0.76, 0.92, 0.93)
_PEOPLE = {"medium": (20_000, 4), "large": (200_000, 12)}


class World:
    """The whole invented network. The same arguments make the same world."""

    def __init__(self, size: Size, seed: int, as_of: date, since: int) -> None:
        self.size, self.seed, self.as_of = size, seed, as_of
        self.detail = {"small": 1.0, "medium": 2.0, "large": 3.5}[size]
        self.first_day = date(since if size == "small" else as_of.year - 2, 1, 1).toordinal()
        draw = Random(f"{seed}/{size}")
        self._persons: list[array[int]] = []
        self._days: list[array[int]] = []
        self._exact: dict[tuple[int, int], Journey] = {}
        self._county = array("H")
        self._is_young = array("b")
        if size == "small":
            self.agencies = network.three_rivers(draw)
            self._empty_lists()
            for year in range(since, as_of.year + 1):
                self._add_year(draw, year)
        else:
            people, regions = _PEOPLE[size]
            self.agencies = network.regions(draw, regions)
            self._empty_lists()
            self._add_crowd(draw, people)
        self.offices = network.offices(draw)
        self._number_of = {agency.slug: at for at, agency in enumerate(self.agencies)}

    @property
    def counties(self) -> tuple[CountySpec, ...]:
        """Every county, each once, in the order of their codes."""
        seen = {agency.county for agency in self.agencies}
        return tuple(sorted(seen, key=lambda county: county.fips))

    @property
    def people(self) -> int:
        """How many humans there are."""
        return len(self._county)

    def agency(self, slug: str) -> AgencySpec:
        """The agency of that slug. Raises KeyError."""
        return self.agencies[self._number_of[slug]]

    def size_of(self, agency: AgencySpec) -> int:
        """How many records the agency has."""
        return len(self._persons[self._number_of[agency.slug]])

    def records(self, agency: AgencySpec) -> Iterator[Record]:
        """The agency's records in the order of first contact, one at a time."""
        at = self._number_of[agency.slug]
        for number in range(len(self._persons[at])):
            yield self.record(at, number)

    def record(self, agency: int, number: int) -> Record:
        """The agency's record of that number, from 0; agencies are numbered as in `agencies`."""
        day = self._days[agency][number]
        journey = self._exact.get((agency, number)) or _open_journey(
            Random(f"{self.seed}/journey/{agency}/{number}"), day
        )
        return Record(
            self._persons[agency][number],
            f"{self.agencies[agency].prefix}-{1001 + number}",
            journey.until(self.as_of.toordinal()),
        )

    def person(self, number: int) -> Person:
        """The human of that number."""
        draw = Random(f"{self.seed}/person/{number}")
        first, last = names.full_name(draw)
        if self._is_young[number]:
            age = draw.randint(12, 17)
        else:
            age = draw.choices(
                (draw.randint(15, 17), draw.randint(18, 24), draw.randint(25, 59), 63), (8, 33, 55, 4)
            )[0]
        return Person(
            number=number,
            first=first,
            last=last,
            born=date.fromordinal(self.as_of.toordinal() - 400 - int((age + draw.random()) * 365.25)),
            ssn=names.impossible_ssn(draw),
            sex=draw.choices((0, 1), (72, 28))[0],
            race=draw.choices(
                (
                    "HispanicLatinao",
                    "White",
                    "BlackAfAmerican",
                    "Asian",
                    "AmIndAKNative",
                    "NativeHIPacific",
                    "MidEastNAfrican",
                ),
                (34, 28, 20, 9, 5, 2, 2),
            )[0],
            trafficking=draw.choices(("sex", "labor", "sex_and_labor", "uncertain"), (46, 29, 10, 15))[0],
            language=draw.choices(("eng", "spa", "tgl", "vie", "hat"), (66, 26, 3, 2, 3))[0],
            county=self.counties[self._county[number]],
        )

    def by_person(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Each human with the (agency, record) numbers of their records."""
        every = sorted(
            (person, agency, number)
            for agency, persons in enumerate(self._persons)
            for number, person in enumerate(persons)
        )
        at = 0
        while at < len(every):
            person, mine = every[at][0], []
            while at < len(every) and every[at][0] == person:
                mine.append(every[at][1:])
                at += 1
            yield person, mine

    def _empty_lists(self) -> None:
        self._persons = [array("I") for _ in self.agencies]
        self._days = [array("I") for _ in self.agencies]

    def _add_person(self, county: int, is_young: bool) -> int:
        self._county.append(county)
        self._is_young.append(is_young)
        return len(self._county) - 1

    def _add_year(self, draw: Random, year: int) -> None:
        """A year's cohort of Three Rivers; exact where `YEARS` says so, cut off at `as_of` otherwise."""
        plan = YEARS.get(year, YEARS[2025])
        paths = _paths(draw, plan, self.agencies)
        county = _homes(draw, plan, paths, self.agencies)
        days = _days(draw, plan, paths, date(year, 1, 1))
        flat = [(day, person, at) for person, path in enumerate(paths) for at, day in enumerate(days[person])]
        flat.sort()
        journeys: Sequence[Journey | None] = [None] * len(flat)
        if year in YEARS:
            journeys = _exact_journeys(
                draw, plan, [day for day, _, _ in flat], date(year, 12, 31).toordinal()
            )
        number_of: dict[int, int] = {}
        for (day, person, at), journey in zip(flat, journeys, strict=True):
            if day > self.as_of.toordinal():
                continue
            if person not in number_of:
                number_of[person] = self._add_person(
                    county[person], _starts_young(draw, self.agencies[paths[person][0]])
                )
            agency = paths[person][at]
            if journey:
                self._exact[agency, len(self._persons[agency])] = journey
            self._persons[agency].append(number_of[person])
            self._days[agency].append(day)

    def _add_crowd(self, draw: Random, people: int) -> None:
        """Everybody of a larger world: paths inside a region of ten agencies, now and then beyond it."""
        last = self.as_of.toordinal()
        span = last - self.first_day
        regions = len(self.agencies) // 10
        counties = {county: at for at, county in enumerate(self.counties)}
        here = [
            [
                agency.reach * (4 if agency.county == county else 1)
                for agency in self.agencies[10 * (at // 3) :][:10]
            ]
            for at, county in enumerate(self.counties)
        ]
        found: list[list[tuple[int, int]]] = [[] for _ in self.agencies]
        for _ in range(people):
            region = draw.randrange(regions)
            home = (
                self.agencies[10 * region].county
                if draw.random() < 0.7
                else self.agencies[10 * region + draw.choice((6, 9))].county
            )
            wanted = draw.choices((1, 2, 3, 4, 5), (38, 36, 18, 6, 2))[0]
            chosen = {
                10 * (region if draw.random() > 0.05 else draw.randrange(regions)) + at
                for at in draw.choices(range(10), here[counties[home]], k=wanted)
            }
            path = sorted(chosen, key=lambda at: _rank(draw, self.agencies[at]))
            person = self._add_person(counties[home], _starts_young(draw, self.agencies[path[0]]))
            day = self.first_day + int(span * draw.random())
            for agency in path:
                found[agency].append((day, person))
                day += 1 + int(draw.expovariate(1 / 45))
                if day > last:
                    break
        for agency, records in enumerate(found):
            records.sort()
            self._days[agency] = array("I", (day for day, _ in records))
            self._persons[agency] = array("I", (person for _, person in records))


def world(size: Size = "small", seed: int = 2025, as_of: date | None = None, since: int = 2025) -> World:
    """Builds the invented network as known on the day `as_of` (today unless told).

    `since` (small only) is the first year with people: 2023 adds two closed years before 2025. Raises
    ValueError for a size that is none.
    """
    if size not in ("small", "medium", "large"):
        raise ValueError("a world is small, medium or large")
    return World(size, seed, as_of or date.today(), since)


def contact_days(journey: Journey, as_of: int, draw: Random, detail: float) -> list[int]:
    """The days on which the agency and the client met, from the first to the last; never 60 days apart.

    A client counts as lost by the last of them, so an open and not silent journey has one within 45 days
    of `as_of`.
    """
    end = journey.ends(as_of)
    met, day = [journey.identified], journey.identified
    while True:
        day += min(45, int(draw.randint(9, 24) * detail))
        if day >= end:
            break
        met.append(day)
    if journey.silent and journey.silent > met[-1]:
        met.append(journey.silent)
    return met


def _rank(draw: Random, agency: AgencySpec) -> float:
    return network.EARLINESS[agency.kind] + draw.gauss(0, 1.2)


def _starts_young(draw: Random, agency: AgencySpec) -> bool:
    return draw.random() < {"school": 1.0, "child_welfare": 0.85, "outreach": 0.3}.get(agency.kind, 0.12)


def _paths(draw: Random, plan: Year, agencies: Sequence[AgencySpec]) -> list[list[int]]:
    """A path of different agencies for each person, so that each agency is on exactly its number of paths."""
    lengths = [1] * plan.people
    while sum(lengths) < sum(plan.sizes):
        at = draw.randrange(plan.people)
        lengths[at] += lengths[at] < 5
    left = list(plan.sizes)
    paths: list[list[int]] = []
    for length in sorted(lengths, reverse=True):
        path: list[int] = []
        for _ in range(length):
            counties = {agencies[at].county for at in path}
            kinds = {agencies[at].kind for at in path}
            weights = [
                0
                if at in path
                else room * (3 if agency.county in counties else 1) * (0.4 if agency.kind in kinds else 1)
                for at, (agency, room) in enumerate(zip(agencies, left, strict=True))
            ]
            path.append(draw.choices(range(len(agencies)), weights)[0])
            left[path[-1]] -= 1
        paths.append(sorted(path, key=lambda at: _rank(draw, agencies[at])))
    draw.shuffle(paths)
    return paths


def _homes(draw: Random, plan: Year, paths: list[list[int]], agencies: Sequence[AgencySpec]) -> list[int]:
    """Each person's county (0 Alder, 1 Birch, 2 Cedar): `in_cedar` live in Cedar, 24 % in Birch."""

    def nearness(person: int, county: CountySpec) -> float:
        mine = [agencies[at] for at in paths[person]]
        return sum(1 + agency.is_tribal for agency in mine if agency.county == county) + draw.random() / 2

    homes = [0] * plan.people
    near = sorted(((nearness(person, network.CEDAR), person) for person in range(plan.people)), reverse=True)
    cedar = {person for _, person in near[: plan.in_cedar]}
    rest = [person for person in range(plan.people) if person not in cedar]
    farms = sorted(((nearness(person, network.BIRCH), person) for person in rest), reverse=True)
    for person in cedar:
        homes[person] = 2
    for _, person in farms[: plan.people * 24 // 100]:
        homes[person] = 1
    return homes


def _days(draw: Random, plan: Year, paths: list[list[int]], start: date) -> list[list[int]]:
    """The day of first contact for each agency of each path, with exactly the plan's numbers by quarter."""
    raw: list[tuple[float, int, int]] = []
    for person, path in enumerate(paths):
        lags = [0.0] + [1 + draw.expovariate(1 / 30) for _ in path[1:]]
        shrink = min(1.0, 300 / sum(lags)) if sum(lags) else 1.0
        day = draw.random() * (365 - shrink * sum(lags))
        for at, lag in enumerate(lags):
            day += shrink * lag
            raw.append((day, person, at))
    raw.sort()
    days = [[0] * len(path) for path in paths]
    place = iter(raw)
    for quarter, count in enumerate(plan.quarters):
        first = date(start.year, 1 + 3 * quarter, 1).toordinal()
        following = date(start.year + quarter // 3, 1 + 3 * (quarter + 1) % 12, 1).toordinal()
        for at in range(count):
            _, person, step = next(place)
            days[person][step] = first + (following - first) * at // count
    return days


def _exact_journeys(draw: Random, plan: Year, days: Sequence[int], last: int) -> list[Journey]:
    """Journeys for records by day of first contact; each stage is reached as often as planned by `last`."""
    room = [last - day for day in days]
    reached = dict(zip(STAGES, plan.stages, strict=True))
    free = set(range(len(days)))

    def take(count: int, least: int, below: int = 1000) -> list[int]:
        chosen = draw.sample(sorted(at for at in free if least <= room[at] < below), count)
        free.difference_update(chosen)
        return chosen

    long_stays = round(0.78 * reached["exited"])
    exited = take(long_stays, 200) + take(reached["exited"] - long_stays, 110, 200)
    open_ = take(reached["in_service"] - reached["exited"], 60)
    waiting = take(reached["enrolled"] - reached["in_service"], 60)
    accepted = take(reached["accepted"] - reached["enrolled"], 40)
    referred = take(reached["referred"] - reached["accepted"], 27)
    screened = take(reached["screened"] - reached["referred"], 13)

    events: list[dict[str, int]] = [{"identified": day} for day in days]
    groups = [screened, referred, accepted, waiting, open_ + exited]
    for step, (median, most) in enumerate(_LAGS):
        going_on = sorted(at for group in groups[step:] for at in group)
        lags = _spread(len(going_on), median, 0.6, 0, most)
        draw.shuffle(lags)
        for at, lag in zip(going_on, lags, strict=True):
            events[at][STAGES[step + 1]] = events[at][STAGES[step]] + lag

    def finish(group: list[int], stage: str, after: str, lags: list[int]) -> None:
        """The longest lag goes to the record with the most room, so that all fit."""
        group = sorted(group, key=lambda at: last - events[at][after])
        for at, lag in zip(group, lags, strict=True):
            events[at][stage] = events[at][after] + max(1, min(lag, last - events[at][after]))

    finish(exited, "exited", "in_service", _spread(len(exited), plan.median_stay, 0.55, 12, 240))
    with_room = sorted(exited, key=lambda at: last - events[at]["exited"])[
        len(exited) - reached["followed_up"] :
    ]
    finish(with_room, "followed_up", "exited", _spread(len(with_room), 34, 0.4, 10, 80))

    quiet_by = last - SILENCE_DAYS - 7
    lost = draw.sample(sorted(at for at in open_ if events[at]["in_service"] + 7 <= quiet_by), plan.lost)
    for at in lost:
        events[at]["silent"] = draw.randint(max(events[at]["in_service"] + 5, quiet_by - 120), quiet_by)
    for at in set(open_ + waiting) - set(lost):
        events[at]["exited"] = last + 1 + int(draw.expovariate(1 / 140))
        if draw.random() < 0.45:
            events[at]["followed_up"] = events[at]["exited"] + draw.choice(_spread(9, 34, 0.4, 10, 80))
    journeys = [Journey(**event) for event in events]
    return [
        one if one.enrolled else replace(one, closed=min(last, one.last_step + draw.randint(0, 40)))
        for one in journeys
    ]


def _open_journey(draw: Random, day: int) -> Journey:
    """A journey of a year that nobody has closed; the caller cuts it off at today."""
    events = {"identified": day}
    for step, (median, most) in enumerate(_LAGS):
        if draw.random() > _GO_ON[step]:
            stopped = Journey(**events)
            if stopped.enrolled or draw.random() < 0.1:
                return stopped
            return replace(stopped, closed=day + draw.randint(0, 40))
        day += min(3 * most, int(draw.lognormvariate(math.log(median + 0.5), 0.6)))
        events[STAGES[step + 1]] = day
    if draw.random() < 0.16:
        events["silent"] = day + draw.randint(5, 80)
        if draw.random() < 0.6:
            events["exited"] = events["silent"] + draw.randint(90, 200)
    else:
        events["exited"] = day + max(7, int(draw.lognormvariate(math.log(142), 0.55)))
        if draw.random() < 0.48:
            events["followed_up"] = events["exited"] + draw.randint(14, 60)
    return Journey(**events)


def _spread(count: int, median: int, sigma: float, low: int, high: int) -> list[int]:
    """`count` whole days, ascending, around exactly this median, the way waiting times spread."""
    normal = NormalDist()
    return [
        max(low, min(high, round(median * math.exp(sigma * normal.inv_cdf((at + 0.5) / count)))))
        for at in range(count)
    ]
