"""Two records that may be one person, put to the two agencies; and what an agency may see and undo of links.

An agency sees a pair only if both records' releases let it be asked and each names the other's agency. Of the
other side it learns the agency's name and which parts agree; to whoever may not see it, a pair isn't there.
While linkage is off there is none. Called inside an agency's door.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from agencies import ledger, linknet
from agencies.models import Agency
from agencies.roles import Permission
from agencies.scope import current_actor
from agencies.scope.linking import linking
from referrals.linkage import join, score
from referrals.linkage.atoms import Atoms, atoms
from referrals.linkage.keys import KEYS
from referrals.linking import turns
from referrals.linking.decisions import Verdict, decide
from referrals.linking.decisions import undo as take_back_decision
from referrals.linking.records import enter_asking
from referrals.models import Client, LinkAnswer, LinkDecision, LinkEdge, LinkRecord
from referrals.picklists import LinkVerdict

MOST_ASKED = 50
SPARED = timedelta(days=90)


class NoPair(ObjectDoesNotExist):
    """There is no such pair, or none that the acting agency may see: the door answers both alike."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One of our clients and a record of another agency, by name, and what the tokens say of these two.

    `verdict` is what our agency answered, "" if nothing stands.
    """

    id: UUID
    client: UUID
    agency: str
    posterior: float
    atoms: Atoms
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A link that our agency made or parted, and whether it took that back. `agency` is "" unless both
    releases still let us know it: then it is no more than a decision that was, to be undone."""

    pair: UUID
    client: UUID
    agency: str
    is_together: bool
    at: datetime
    is_undone: bool


@dataclass(frozen=True, slots=True)
class Lack:
    """What the card of a client who is counted does not tell, or not so that it can be compared."""

    client: UUID
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """A record as the hub holds it."""

    number: int
    client: UUID
    agency: int
    partners: frozenset[int]
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class _Seen:
    """A pair that the acting agency may see, from its side."""

    mine: _Side
    theirs: _Side
    agree: int
    both: int
    posterior: float

    @property
    def id(self) -> UUID:
        return _id_of(self.mine.client, self.theirs.client)


@dataclass(frozen=True, slots=True)
class _Sight:
    """All pairs the acting agency may see: those in doubt and undecided, and those that are linked."""

    doubtful: list[_Seen]
    linked: list[_Seen]


# What is asked


def questions(limit: int = MOST_ASKED) -> list[Pair]:
    """The pairs in doubt that our agency may be asked about, those first whose answer settles most.

    The doubt counts first, then how many links of our client we may see: what we may not see has no part in
    the order. Left out: what is decided, what we can't tell for now, and clients closed to this worker.
    """
    sight, answers = _sight(), _answers()
    links = Counter(one.mine.client for one in sight.linked)
    asked = [
        one for one in _openable(sight.doubtful) if _stands(answers.get(one.id), one) != LinkVerdict.UNSURE
    ]
    asked.sort(key=lambda one: (abs(one.posterior - 0.5), -links[one.mine.client], one.id))
    return _pairs(asked[:limit], answers)


def question(id: UUID) -> Pair:
    """One of them, or one that we could not tell. Raises NoPair."""
    return _pairs([_find(_sight().doubtful, id)], _answers())[0]


def answer(id: UUID, verdict: LinkVerdict) -> None:
    """Say for our side what a pair is. Raises NoPair.

    Both agencies say one person: they are linked. One says two: they are kept apart. Who can't tell is asked
    again in three months; who corrects the card, once its new tokens leave a doubt.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    # Before anything is looked at, so that of two answers at once the later finds the earlier.
    _hold(_find(_sight().doubtful, id).mine.client)
    pair = _find(_sight().doubtful, id)
    now = timezone.now()
    said, _made = LinkAnswer.objects.update_or_create(
        agency_id=actor.agency_id,
        pair=id,
        defaults={
            "client_id": pair.mine.client,
            "verdict": verdict.value,
            "worker_id": actor.user_id,
            "answered_at": now,
            "hidden_until": now + SPARED if verdict == LinkVerdict.UNSURE else None,
        },
    )
    ledger.record("link.answered", said)
    if verdict == LinkVerdict.DIFFERENT:
        decide(pair.mine.client, pair.theirs.client, Verdict.APART)
    elif verdict == LinkVerdict.SAME:
        _link_if_both_say_so(pair)


def answers(made: Iterable[Decision]) -> QuerySet[LinkAnswer]:
    """Ours that decided nothing (yet), newest first; `made` are our decisions."""
    decided = [one.pair for one in made if not one.is_undone]
    waiting = LinkAnswer.objects.exclude(verdict=LinkVerdict.DIFFERENT).exclude(pair__in=decided)
    return waiting.select_related("worker")


def take_back(answer: LinkAnswer) -> None:
    """The question is open again for our side."""
    current_actor().require(Permission.CLIENT_EDIT)
    ledger.record("link.answer_taken_back", answer)
    answer.delete()


# What is linked


def links() -> list[Pair]:
    """The linked pairs that our agency may see, the least sure first."""
    return _pairs(sorted(_openable(_sight().linked), key=lambda one: (one.posterior, one.id)), {})


def unlink(id: UUID) -> None:
    """Keep the two apart from now on; only what hangs together with them is settled anew.

    Our answer stays, so that undoing it finds both where they were. Raises NoPair.
    """
    current_actor().require(Permission.CLIENT_EDIT)
    _hold(_find(_sight().linked, id).mine.client)
    pair = _find(_sight().linked, id)
    for one in _standing(id):
        take_back_decision(one.pk)
    decide(pair.mine.client, pair.theirs.client, Verdict.APART)


def decisions() -> list[Decision]:
    """What our agency decided, newest first: also a link that the other's word made of ours."""
    if not linknet.is_on():
        return []
    me = current_actor().agency_id
    with linking(whole=True):
        rows = list(_decided(me).select_related("undone_by").order_by("-decided_at", "pk"))
        found = [one for one in rows if _is_ours(one, me)]
        told = _told(found)
    names = _names({_other_agency(one, me) for one in found if one.pk in told})
    ours = _clients({_own_client(one, me) for one in found})
    return [
        Decision(
            pair=_id_of(one.a_client, one.b_client),
            client=_own_client(one, me),
            agency=names[_other_agency(one, me)] if one.pk in told else "",
            is_together=one.verdict == Verdict.TOGETHER,
            at=one.decided_at,
            is_undone=hasattr(one, "undone_by"),
        )
        for one in found
        if _own_client(one, me) in ours
    ]


def undo(id: UUID) -> None:
    """Take back what we decided of a pair: a link with our word for it, a parting as if it had not been.

    Raises NoPair.
    """
    actor = current_actor()
    actor.require(Permission.CLIENT_EDIT)
    own = {_own_client(one, actor.agency_id) for one in _standing(id)}
    if not (linknet.is_on() and _clients(own)):
        raise NoPair
    _hold(*own)
    standing = [one for one in _standing(id) if _is_ours(one, actor.agency_id)]
    if not standing:
        raise NoPair
    for one in standing:
        take_back_decision(one.pk)
    ours = LinkAnswer.objects.filter(pair=id)
    again = [
        one for one in _sight().doubtful if one.id == id and _stands(ours.first(), one) == LinkVerdict.SAME
    ]
    if again and standing[0].verdict == Verdict.APART:
        _link_if_both_say_so(again[0])
    else:
        ours.delete()


# What the own cards lack


def lacking() -> list[Lack]:
    """Clients who are counted and whose cards lack something, as their tokens tell; no birth date first.

    It is the same whether or not anybody else knows them.
    """
    rows = LinkRecord.objects.filter(ends_at__gt=Now(), agency_id=current_actor().agency_id)
    found = [Lack(client, missing_in(mask)) for client, mask in rows.values_list("client_id", "mask")]
    return sorted((one for one in found if one.missing), key=lambda one: (one.missing, one.client))


def missing_of(client: Client) -> tuple[str, ...]:
    """The same of one client; nothing if they are not counted."""
    mask = LinkRecord.objects.filter(client=client, ends_at__gt=Now()).values_list("mask", flat=True).first()
    return missing_in(mask) if mask is not None else ()


def missing_in(mask: int) -> tuple[str, ...]:
    """Of birth, ssn4 and zip those that no key of the mask rests on."""
    has = {view.field for at, key in enumerate(join.ORDER) if mask >> at & 1 for view in KEYS[key].views} - {
        "names"
    }
    return tuple(name for name, field in _ASKED.items() if field not in has)


_ASKED = {"birth": "dob", "ssn4": "ssn4", "zip": "zip"}


# What may be seen


def _sight() -> _Sight:
    """Every pair that both sides' releases let us see, by the database's clock of this moment.

    What is shown of a pair rests on these two records alone, not on the group that they are in: else it would
    tell us that somebody else knows them.
    """
    me = current_actor().agency_id
    if not linknet.is_on():
        return _Sight([], [])
    with linking(whole=True):
        mine = _sides(LinkRecord.objects.filter(agency_id=me, confirms=True))
        edges = _edges(me)
        others = _sides(LinkRecord.objects.filter(number__in={other for _, other in edges}, confirms=True))
        settled = _settled(me, {*mine, *others})
    linked, doubtful = [], []
    for (own, other), edge in edges.items():
        if own not in mine or other not in others:
            continue
        seen = _Seen(mine[own], others[other], *edge)
        if not _name_each_other(seen.mine, seen.theirs):
            continue
        verdict = settled.get(seen.id)
        if verdict == Verdict.TOGETHER or (verdict is None and seen.posterior >= score.LINK):
            linked.append(seen)
        elif verdict is None:
            doubtful.append(seen)
    return _Sight(doubtful, linked)


def _told(decisions: Sequence[LinkDecision]) -> set[UUID]:
    """Those of them whose two records live and let the agencies be asked about each other; of a link, these
    very records."""
    clients = {client for one in decisions for client in (one.a_client, one.b_client)}
    records = LinkRecord.objects.filter(client__in=clients, confirms=True)
    sides = {one.client: one for one in _sides(records).values()}
    told = set()
    for one in decisions:
        a, b = sides.get(one.a_client), sides.get(one.b_client)
        if a is None or b is None or not _name_each_other(a, b):
            continue
        if one.verdict == Verdict.APART or (a.number, b.number) == (one.a_record, one.b_record):
            told.add(one.pk)
    return told


def _name_each_other(one: _Side, other: _Side) -> bool:
    return one.agency in other.partners and other.agency in one.partners


def _sides(records: QuerySet[LinkRecord]) -> dict[int, _Side]:
    rows = records.values_list("number", "client_id", "agency_id", "partners", "changed_at")
    return {row[0]: _Side(row[0], row[1], row[2], frozenset(row[3]), row[4]) for row in rows}


def _edges(me: int) -> dict[tuple[int, int], tuple[int, int, float]]:
    """Masks and posterior by our record and the other's."""
    here = LinkRecord.objects.filter(agency_id=me, confirms=True).values("number")
    found = LinkEdge.objects.filter(posterior__gte=score.REVIEW)
    first = found.filter(a__in=here).values_list("a__number", "b__number", "agree", "both", "posterior")
    second = found.filter(b__in=here).values_list("b__number", "a__number", "agree", "both", "posterior")
    return {(own, other): (agree, both, p) for own, other, agree, both, p in (*first, *second)}


def _decided(me: int) -> QuerySet[LinkDecision]:
    """Decisions about a client of ours that are no undoing themselves."""
    return LinkDecision.objects.filter(Q(a_agency=me) | Q(b_agency=me), undoes=None)


def _standing(id: UUID) -> list[LinkDecision]:
    """What is decided of a pair of ours and not taken back."""
    with linking(whole=True):
        rows = list(_decided(current_actor().agency_id).filter(undone_by=None).select_related("undone_by"))
    return [one for one in rows if _id_of(one.a_client, one.b_client) == id]


def _settled(me: int, numbers: Collection[int]) -> dict[UUID, str]:
    """Of each pair that nobody is asked about any more, what was said: a link only of these very records."""
    return {
        _id_of(one.a_client, one.b_client): one.verdict
        for one in _decided(me).filter(undone_by=None)
        if one.verdict == Verdict.APART or {one.a_record, one.b_record} <= set(numbers)
    }


def _find(seen: Iterable[_Seen], id: UUID) -> _Seen:
    found = _openable([one for one in seen if one.id == id])
    if not found:
        raise NoPair
    return found[0]


def _openable(seen: Sequence[_Seen]) -> list[_Seen]:
    """Without clients that are closed to this worker."""
    ours = _clients({one.mine.client for one in seen})
    return [one for one in seen if one.mine.client in ours]


def _clients(ids: Collection[UUID]) -> set[UUID]:
    return set(Client.objects.filter(pk__in=ids).values_list("pk", flat=True))


def _names(agencies: Collection[int]) -> dict[int, str]:
    return dict(Agency.objects.filter(pk__in=agencies).values_list("pk", "name"))


def _pairs(seen: Sequence[_Seen], answers: Mapping[UUID, LinkAnswer]) -> list[Pair]:
    names = _names({one.theirs.agency for one in seen})
    enter_asking([(one.mine.number, one.theirs.number) for one in seen])
    return [
        Pair(
            id=one.id,
            client=one.mine.client,
            agency=names[one.theirs.agency],
            posterior=one.posterior,
            atoms=atoms(join.ORDER, one.agree, one.both),
            verdict=_stands(answers.get(one.id), one),
        )
        for one in seen
    ]


def _id_of(one: UUID, other: UUID) -> UUID:
    """The same for both sides. It says nothing of either client, whose ids are random."""
    low, high = sorted((one, other))
    return UUID(bytes=hashlib.sha256(b"casehub link" + low.bytes + high.bytes).digest()[:16])


# Answers and decisions


def _answers() -> dict[UUID, LinkAnswer]:
    return {one.pair: one for one in LinkAnswer.objects.all()}


def _stands(answer: LinkAnswer | None, seen: _Seen) -> str:
    """The verdict of an answer, or "" if it is over: the tokens are new since, or the time to spare us is."""
    if answer is None:
        return ""
    if answer.hidden_until is not None:
        return answer.verdict if answer.hidden_until > timezone.now() else ""
    return answer.verdict if answer.answered_at >= seen.mine.changed_at else ""


def _hold(*clients: UUID) -> None:
    """Wait for our turn, behind whoever shreds these clients of ours: an answer refers to its client."""
    rows = Client.objects.filter(pk__in=clients).order_by("pk")
    list(rows.select_for_update(of=("self",), no_key=True).values_list("pk"))
    with linking(whole=True) as cursor:
        turns.wait(cursor)


def _other_says_same(pair: _Seen) -> bool:
    with linking(whole=True):
        return LinkAnswer.objects.filter(
            agency_id=pair.theirs.agency,
            pair=pair.id,
            verdict=LinkVerdict.SAME,
            answered_at__gte=pair.theirs.changed_at,
        ).exists()


def _link_if_both_say_so(pair: _Seen) -> None:
    """Where others were linked so that it can't be, it stays a question: an error would tell of them."""
    if _other_says_same(pair):
        with suppress(ValidationError):
            decide(pair.mine.client, pair.theirs.client, Verdict.TOGETHER)


def _is_ours(one: LinkDecision, me: int) -> bool:
    """Made by us, or of our word and the other's, which stands."""
    return one.by_agency_id == me or (one.verdict == Verdict.TOGETHER and not hasattr(one, "undone_by"))


def _own_client(one: LinkDecision, me: int) -> UUID:
    return one.a_client if one.a_agency_id == me else one.b_client


def _other_agency(one: LinkDecision, me: int) -> int:
    return one.b_agency_id if one.a_agency_id == me else one.a_agency_id
