"""Questions, links one may see, and what is taken back: who is told what, and that nobody else is told anything."""

from functools import cache

import pytest
from django.db import connection
from django.db.models.functions import Now

from agencies.models import KeyHolder
from bench.crowd import crowd
from referrals import linking, shredders
from referrals.linkage import join, score
from referrals.linkage.atoms import Said
from referrals.linkage.keys import Person
from referrals.linkage.tokens import tokens
from referrals.linking import review, scorer
from referrals.models import LinkAnswer, LinkRecord
from referrals.picklists import LinkVerdict, ShredReason
from tests.referrals.linking.network import KEYED, Network, people, rows

SURE = {"ssn4": "4821", "zip5": "30303"}
FIRSTS, TWINS = ("Rosalind", "Una", "Rosalind Una"), ("Tamsin", "1990-04-17")


@cache
def fitted():
    """A scorer that has seen a crowd, so that two records are judged as in a network of some size."""
    held = join.Held.of(
        [
            tokens(Person.of(first=r.first, last=r.last, dob=r.dob, ssn4=r.ssn4, zip5=r.zip), KEYED, epoch=1)
            for r in crowd(4_000, seed=3)
        ]
    )
    pairs = join.pairs(held)
    return score.fit(
        join.ORDER,
        pairs.patterns,
        records=held.records,
        comparable=pairs.comparable,
        exposed=pairs.exposed,
    )


def keep_scorer():
    from agencies.scope.linking import linking as door

    with door(whole=True) as cursor:
        scorer.keep(cursor, fitted(), records=4_000, pairs=1)


@pytest.fixture
def network(world):
    found = Network(world, "A", "B", "C")
    keep_scorer()
    return found


def arrives(network, letter, first, last, dob, *, confirm=True, partners="", **more):
    client = network.world.client(letter)
    classes = ["count", "confirm"] if confirm else ["count"]
    network.release(client, classes=classes, partners=partners)
    network.store(client, first, last, dob, **more)
    return client


def doubtful(network, *letters, **more):
    """One last name and one date of birth, and another first name: twins, or somebody with two. A question."""
    firsts = dict(zip("ABC", FIRSTS, strict=True))
    made = [arrives(network, letter, firsts[letter], *TWINS, **more) for letter in letters]
    linking.link_new()
    return made


def alike(network, *letters, **more):
    """The same in everything: linked."""
    made = [arrives(network, letter, "Mara", "Quill", "1979-02-11", **SURE, **more) for letter in letters]
    linking.link_new()
    return made


def asked(network, letter):
    with network.world.acting(letter):
        return review.questions()


def linked(network, letter):
    with network.world.acting(letter):
        return review.links()


def say(network, letter, pair, verdict):
    with network.world.acting(letter):
        review.answer(pair, verdict)


def number(client):
    return rows("SELECT number FROM referrals_linkrecord WHERE client_id = %s", client.pk)[0][0]


def one_person(*clients):
    return frozenset(number(one) for one in clients) in people()


def test_a_doubt_is_put_to_both_and_names_only_the_other_agency(network):
    a, b = doubtful(network, "A", "B")
    [ours], [theirs] = asked(network, "A"), asked(network, "B")
    assert 0.05 <= ours.posterior < 0.95
    assert (ours.client, ours.agency, ours.verdict) == (a.pk, "Agency B", "")
    assert (theirs.client, theirs.agency) == (b.pk, "Agency A")
    assert ours.id == theirs.id
    assert (ours.atoms.first, ours.atoms.last, ours.atoms.birth) == (Said.DIFFERS, Said.AGREES, Said.AGREES)
    assert ours.atoms.ssn4 == Said.UNTESTED
    assert asked(network, "C") == []
    assert linked(network, "A") == []


@pytest.mark.parametrize(
    "facts", [{"confirm": False}, {"partners": "C"}], ids=["may-not-be-asked", "names-somebody-else"]
)
@pytest.mark.parametrize("which", ["A", "B"])
def test_both_releases_must_let_them_be_asked(network, facts, which):
    """One of the two is enough to keep it from both."""
    for letter, first in zip("AB", FIRSTS, strict=False):
        told = facts if letter == which else {}
        arrives(network, letter, first, *TWINS, **told)
        arrives(network, letter, "Ida", "Vetch", "1981-05-06", **SURE, **told)
    linking.link_new()
    for letter in "ABC":
        assert (asked(network, letter), linked(network, letter)) == ([], [])


def test_an_ended_release_ends_the_sight_of_it_in_the_next_statement(network):
    a, _b = doubtful(network, "A", "B")
    assert asked(network, "B")
    with network.world.acting("A"):
        release = a.releases.get()
    network.revoke(release)
    assert asked(network, "A") == asked(network, "B") == []


def test_both_must_say_one_person(network):
    a, b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    say(network, "A", question.id, LinkVerdict.SAME)
    assert not one_person(a, b)
    assert asked(network, "A")[0].verdict == "same"
    assert asked(network, "B")[0].verdict == "", "what the other said stays its own"
    say(network, "B", question.id, LinkVerdict.SAME)
    assert one_person(a, b)
    assert asked(network, "A") == asked(network, "B") == []
    assert [one.client for one in linked(network, "A")] == [a.pk]


def test_one_says_two_people_and_they_stay_apart(network):
    a, b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    say(network, "B", question.id, LinkVerdict.SAME)
    say(network, "A", question.id, LinkVerdict.DIFFERENT)
    assert not one_person(a, b)
    assert asked(network, "A") == asked(network, "B") == []
    with network.world.acting("B"):
        assert review.decisions() == [], "who parted them is not told"
        with pytest.raises(review.NoPair):
            review.undo(question.id)
    with network.world.acting("A"):
        review.undo(question.id)
    assert [one.verdict for one in (*asked(network, "A"), *asked(network, "B"))] == ["", "same"]


def test_who_cant_tell_is_asked_again_after_ninety_days(network):
    doubtful(network, "A", "B")
    [question] = asked(network, "A")
    say(network, "A", question.id, LinkVerdict.UNSURE)
    assert asked(network, "A") == []
    assert len(asked(network, "B")) == 1
    with network.world.acting("A"):
        LinkAnswer.objects.update(hidden_until=Now())
    assert asked(network, "A")[0].verdict == ""


def test_an_answer_is_over_when_the_tokens_are_new(network):
    """The card was corrected: its tokens follow, and what is still in doubt is asked anew."""
    a, _b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    say(network, "A", question.id, LinkVerdict.CORRECTED)
    assert asked(network, "A")[0].verdict == "corrected"
    network.store(a, "Rosalind", *TWINS, zip5="30303")
    linking.link_new()
    assert asked(network, "A")[0].verdict == ""


def test_later_evidence_settles_a_question_by_itself(network):
    """The number is asked for on every card that lacks it; once both have it, nobody has to be asked."""
    a, b = doubtful(network, "A", "B")
    c, d = (
        arrives(network, letter, first, "Vetch", "1981-05-06")
        for letter, first in (("A", "Ida"), ("B", "Orla"))
    )
    linking.link_new()
    assert len(asked(network, "A")) == 2
    for client, first in ((a, "Rosalind"), (b, "Una")):
        network.store(client, first, *TWINS, ssn4="4821")
    for client, first, ssn4 in ((c, "Ida", "1207"), (d, "Orla", "8853")):
        network.store(client, first, "Vetch", "1981-05-06", ssn4=ssn4)
    linking.link_new()
    assert asked(network, "A") == asked(network, "B") == []
    assert one_person(a, b)
    assert not one_person(c, d)


def test_unlinking_changes_exactly_that_component_and_is_undone(network):
    a, b, c = alike(network, "A", "B", "C")
    others = [arrives(network, letter, "Una", "Vetch", "1981-05-06", ssn4="1207") for letter in "AC"]
    linking.link_new()
    assert one_person(a, b, c) and one_person(*others)
    before = rows("SELECT record_id, person FROM referrals_linkedperson ORDER BY 1")
    kept = {row for row in before if row[0] in [number(one) for one in others]}
    assert {(one.client, one.agency) for one in linked(network, "A")} == {
        (a.pk, "Agency B"), (a.pk, "Agency C"), (others[0].pk, "Agency C"),
    }  # fmt: skip
    [pair] = [one.id for one in linked(network, "A") if one.agency == "Agency B"]
    with network.world.acting("A"):
        review.unlink(pair)
    now = rows("SELECT record_id, person FROM referrals_linkedperson ORDER BY 1")
    assert not one_person(a, b, c) and one_person(*others)
    assert kept <= set(now)
    assert pair not in [one.id for one in linked(network, "A")]
    assert pair not in [one.id for one in linked(network, "B")]
    with network.world.acting("A"):
        [decision] = review.decisions()
        assert (decision.client, decision.agency, decision.is_together) == (a.pk, "Agency B", False)
        review.undo(pair)
        assert [one.is_undone for one in review.decisions()] == [True]
        with pytest.raises(review.NoPair):
            review.undo(pair)
    assert rows("SELECT record_id, person FROM referrals_linkedperson ORDER BY 1") == before


def test_a_link_of_two_words_is_parted_and_comes_back(network):
    a, b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    for letter in "AB":
        say(network, letter, question.id, LinkVerdict.SAME)
    before = rows("SELECT record_id, person FROM referrals_linkedperson ORDER BY 1")
    with network.world.acting("A"):
        review.unlink(question.id)
    assert not one_person(a, b)
    with network.world.acting("A"):
        review.undo(question.id)
    assert rows("SELECT record_id, person FROM referrals_linkedperson ORDER BY 1") == before
    # Either side takes its word back, whoever said it last.
    with network.world.acting("A"):
        review.undo(question.id)
    assert not one_person(a, b)
    assert [one.verdict for one in asked(network, "A")] == [""]


@pytest.mark.parametrize("act", ["question", "answer", "unlink", "undo"])
def test_who_may_not_see_a_pair_finds_none(network, act):
    (_a, _b), (_c, _d) = doubtful(network, "A", "B"), alike(network, "A", "B")
    [question] = asked(network, "A")
    [link] = linked(network, "A")
    id = link.id if act in ("unlink", "undo") else question.id
    if act == "undo":
        with network.world.acting("A"):
            review.unlink(id)
    arguments = (id, LinkVerdict.SAME) if act == "answer" else (id,)
    with network.world.acting("C"), pytest.raises(review.NoPair):
        getattr(review, act)(*arguments)
    with network.world.acting("A"):
        getattr(review, act)(*arguments)


def test_what_is_shown_of_a_pair_does_not_depend_on_a_third_agency(network):
    """A and B are in doubt. C's record joins them; neither of the two sees any difference."""
    a, b = doubtful(network, "A", "B")
    seen = [(one.posterior, one.atoms, one.id) for one in asked(network, "A")]
    assert len(seen) == 1
    c = arrives(network, "C", FIRSTS[2], *TWINS, confirm=False)
    linking.link_new()
    assert one_person(a, b, c)
    assert [(one.posterior, one.atoms, one.id) for one in asked(network, "A")] == seen
    assert linked(network, "A") == []


def test_questions_are_few_and_the_most_doubtful_first(network):
    doubtful(network, "A", "B")
    arrives(network, "A", "Ida", "Vetch", "1981-05-06", zip5="30303")
    arrives(network, "B", "Orla", "Vetch", "1981-05-06", zip5="30303")
    linking.link_new()
    found = asked(network, "A")
    doubts = [abs(one.posterior - 0.5) for one in found]
    assert len(found) == 2 and doubts == sorted(doubts)
    with network.world.acting("A"):
        assert review.questions(limit=1) == found[:1]


def test_a_client_closed_to_a_worker_is_not_asked_about(network):
    from referrals import actions

    world = network.world
    a, _b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    with world.acting("A", "supervisor"):
        actions.restrict_client(client=a, openers=[world.person("A", "supervisor")])
    with world.acting("A"):
        assert review.questions() == []
        with pytest.raises(review.NoPair):
            review.question(question.id)
    with world.acting("A", "supervisor"):
        assert len(review.questions()) == 1


def test_what_a_card_lacks_is_asked_of_all_alike(network):
    """Before and after somebody else knows the client: the same list."""
    client = arrives(network, "A", "Rosalind", "Tamsin", "1990-04-17", zip5="30303")
    whole = arrives(network, "A", "Una", "Vetch", "1981-05-06", **SURE)
    with network.world.acting("A"):
        before = review.lacking()
        assert before == [review.Lack(client.pk, ("ssn4",))]
        assert (review.missing_of(client), review.missing_of(whole)) == (("ssn4",), ())
    arrives(network, "B", "Rosalind", "Tamsin", "1990-04-17", zip5="30303")
    linking.link_new()
    with network.world.acting("A"):
        assert review.lacking() == before
        LinkRecord.objects.filter(client=client).delete()
        assert (review.lacking(), review.missing_of(client)) == ([], ())


def test_inside_an_agencys_door_nobody_reads_the_others_answer(network):
    """Not the linking role either: it looks at both answers only where no agency acts."""
    from agencies.scope.linking import linking as door

    doubtful(network, "A", "B")
    say(network, "A", asked(network, "A")[0].id, LinkVerdict.SAME)
    query = "SELECT verdict FROM referrals_linkanswer"
    with network.world.acting("B"):
        assert not LinkAnswer.objects.exists()
        with door(whole=False) as cursor:
            cursor.execute(query)
            assert cursor.fetchall() == []
    assert rows(query) == [("same",)]


# When a release has ended


def linked_by_hand(network):
    a, b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    for letter in "AB":
        say(network, letter, question.id, LinkVerdict.SAME)
    return a, b, question.id


def ended(network, client, how):
    """The client's release ends: taken back, by the clock, or with the client's identity."""
    letter = network.world.letter(client.agency_id)
    if how == "revoked":
        with network.world.acting(letter):
            release = client.releases.get()
        network.revoke(release)
    elif how == "over":
        with network.world.acting(letter), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE referrals_linkrecord SET ends_at = statement_timestamp() + interval '100 ms'"
                " WHERE client_id = %s",
                [client.pk],
            )
            cursor.execute("SELECT pg_sleep(0.2)")
    else:
        with network.world.acting(letter, "data_lead"):
            shredders.shred([client.pk], why=ShredReason.CLIENT_ASKED)


@pytest.mark.parametrize("how", ["revoked", "over", "shredded"])
@pytest.mark.parametrize("whose", ["A", "B"])
@pytest.mark.parametrize("together", [True, False], ids=["linked", "parted"])
def test_what_was_decided_names_nobody_once_either_release_has_ended(network, how, whose, together):
    a, b, pair = linked_by_hand(network)
    if not together:
        with network.world.acting("A"):
            review.unlink(pair)
    with network.world.acting("A"):
        assert [one.agency for one in review.decisions() if not one.is_undone] == ["Agency B"]
    ended(network, a if whose == "A" else b, how)
    with network.world.acting("A"):
        assert [one.agency for one in review.decisions()] == [""]
        review.undo(pair)
        assert all(one.is_undone and not one.agency for one in review.decisions())


def test_a_new_release_brings_the_name_back_of_a_parting_and_of_no_link(network):
    a, b, pair = linked_by_hand(network)
    ended(network, a, "revoked")
    network.release(a)
    network.store(a, FIRSTS[0], *TWINS)
    linking.link_new()
    with network.world.acting("A"):
        assert [one.agency for one in review.decisions()] == [""]
        review.undo(pair)
        review.answer(pair, LinkVerdict.DIFFERENT)
    ended(network, b, "revoked")
    network.release(b)
    network.store(b, FIRSTS[1], *TWINS)
    with network.world.acting("A"):
        assert [one.agency for one in review.decisions() if not one.is_undone] == ["Agency B"]


def test_while_linkage_is_off_there_is_no_pair(network):
    _a, _b, pair = linked_by_hand(network)
    alike(network, "A", "B")
    KeyHolder.objects.update(in_use_since=None)
    with network.world.acting("A"):
        assert (review.questions(), review.links(), review.decisions()) == ([], [], [])
        for act in (review.question, review.unlink, review.undo):
            with pytest.raises(review.NoPair):
                act(pair)


# What others decided


def chain(network):
    """A and B in doubt; by others' word C is A's and D's person: A's release does not name D."""
    a = arrives(network, "A", FIRSTS[0], *TWINS, partners="BC")
    b = arrives(network, "B", FIRSTS[1], *TWINS)
    c, d = (arrives(network, letter, first, *TWINS) for letter, first in (("C", "Zoe"), ("D", "Ida")))
    linking.link_new()
    decided(network, "C", c, a)
    decided(network, "C", c, d)
    return a, b, c, d


def decided(network, by, one, other):
    with network.world.acting(by):
        linking.decide(one.pk, other.pk, "together")


@pytest.mark.parametrize("held", [False, True], ids=["free", "held together by others"])
def test_two_people_is_always_taken(world, held):
    network = Network(world, *"ABCD")
    keep_scorer()
    a, b, _c, d = chain(network)
    if held:
        decided(network, "D", d, b)
    assert one_person(a, b, _c, d) is held
    [question] = [one for one in asked(network, "A") if one.agency == "Agency B"]
    say(network, "A", question.id, LinkVerdict.DIFFERENT)
    assert not any({number(a), number(b)} <= one for one in people())
    assert {one.agency for one in linked(network, "A")} == {"Agency C"}, "what the others see stays theirs"
    assert {one.agency for one in linked(network, "C")} == {"Agency A", "Agency D"}
    with network.world.acting("A"):
        review.undo(question.id)
    assert one_person(a, b, _c, d) is held
