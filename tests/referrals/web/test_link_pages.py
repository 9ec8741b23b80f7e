"""The pages of review: what they say in words, who is let in, and that they say nothing to whoever may not know."""

import re

import pytest
from django.urls import reverse

from agencies.models import KeyHolder
from agencies.scope import Actor
from referrals import linking
from referrals.linkage.atoms import Said, atoms
from referrals.linking import review
from referrals.models import LinkAnswer
from referrals.web import links
from tests.referrals.linking.network import Network
from tests.referrals.linking.test_review import (
    FIRSTS,
    TWINS,
    alike,
    arrives,
    asked,
    chain,
    decided,
    doubtful,
    keep_scorer,
    linked,
    one_person,
)
from tests.referrals.web.test_budgets import cost

LISTS = ("link_questions", "links", "link_decisions", "link_evidence")


@pytest.fixture
def network(world):
    found = Network(world, "A", "B", "C")
    keep_scorer()
    return found


def read(browser, name, *arguments):
    answer = browser.get(reverse(f"referrals:{name}", args=arguments))
    assert answer.status_code == 200
    return answer.content.decode()


def plain(html):
    """A page without the tokens against forgery, which are new each time it is asked for."""
    return re.sub(r'"[A-Za-z0-9]{64}"', "", html)


def everything(browser, client):
    pages = [read(browser, name) for name in LISTS] + [read(browser, "client", client.pk)]
    return [plain(one) for one in pages]


def test_a_question_is_put_in_words_without_the_others_code_or_date(network):
    a, b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    browser = network.world.browser("A")
    for html in (read(browser, "link_questions"), read(browser, "link_question", question.id)):
        assert "Agency B" in html and str(a.pk) in html
        assert str(b.pk) not in html and str(b.pk)[:8].upper() not in html
        assert not any(name in html for name in (*FIRSTS, *TWINS))
    html = read(browser, "link_question", question.id)
    assert re.search(r"<dt>First name</dt><dd>differs</dd>", html)
    assert re.search(r"<dt>Birth date</dt><dd>agrees</dd>", html)
    assert re.search(r"<dt>ZIP code</dt><dd>not compared</dd>", html)
    assert "More likely two people than one (35%)" in html


def test_answered_on_the_page_by_both_linked_parted_and_undone(network):
    a, b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    ours, theirs = network.world.browser("A"), network.world.browser("B")
    where = reverse("referrals:link_question", args=[question.id])
    assert "Choose an answer" in ours.post(where, {}).content.decode()
    assert LinkAnswer._base_manager.count() == 0
    assert ours.post(where, {"verdict": "same"}).status_code == 302
    assert "Waits for the other agency" in read(ours, "link_questions")
    assert "Waits for" not in read(theirs, "link_questions")
    theirs.post(where, {"verdict": "same"})
    assert one_person(a, b)
    assert "Agency B" in read(ours, "links") and "Agency A" in read(theirs, "links")
    ours.post(reverse("referrals:link_unlink", args=[question.id]))
    assert not one_person(a, b)
    assert "Two people" in read(ours, "link_decisions")
    ours.post(reverse("referrals:link_undo", args=[question.id]))
    assert one_person(a, b)


def test_a_corrected_card_leads_to_the_card(network):
    a, _b = doubtful(network, "A", "B")
    [question] = asked(network, "A")
    browser = network.world.browser("A")
    answer = browser.post(reverse("referrals:link_question", args=[question.id]), {"verdict": "corrected"})
    assert answer["Location"] == reverse("referrals:card", args=[a.pk])
    assert "Waits for the new tokens" in read(browser, "link_questions")
    with network.world.acting("A"):
        [waiting] = review.answers(review.decisions())
    browser.post(reverse("referrals:link_take_back", args=[waiting.pk]))
    assert "Waits for" not in read(browser, "link_questions")


@pytest.mark.parametrize("name", ["link_question", "link_unlink", "link_undo"])
def test_a_third_agency_gets_what_everybody_gets(network, name):
    """Not even whether there is such a pair: the same bytes as for an id that nobody has."""
    doubtful(network, "A", "B")
    alike(network, "A", "B")
    pair = (linked if name != "link_question" else asked)(network, "A")[0].id
    if name == "link_undo":
        network.world.browser("A").post(reverse("referrals:link_unlink", args=[pair]))
    nobody = "00000000-0000-4000-8000-000000000000"
    theirs = network.world.browser("C")
    method = theirs.get if name == "link_question" else theirs.post
    answers = [method(reverse(f"referrals:{name}", args=[one])) for one in (pair, nobody)]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    ours = network.world.browser("A")
    assert (ours.get if name == "link_question" else ours.post)(
        reverse(f"referrals:{name}", args=[pair])
    ).status_code in (200, 302)


@pytest.mark.parametrize("sabotaged", [False, True], ids=["as-it-is", "sabotaged"])
def test_without_confirm_no_page_differs_with_a_match(network, sabotaged):
    """The oracle: a client who may be counted, and not asked about. A match elsewhere changes no byte."""
    made = [
        arrives(network, "A", *facts, confirm=sabotaged)
        for facts in (("Rosalind", *TWINS), ("Mara", "Quill", "1979-02-11"))
    ]
    browser = network.world.browser("A")
    before = [everything(browser, one) for one in made]
    arrives(network, "B", "Una", *TWINS)
    arrives(network, "B", "Mara", "Quill", "1979-02-11")
    linking.link_new()
    after = [everything(browser, one) for one in made]
    assert (before == after) is not sabotaged


@pytest.mark.parametrize("act", ["answered", "unlinked"])
def test_a_parting_tells_nothing_of_others_words(world, act):
    """Whether D's word holds our client and B's together or not, while our release does not name D: every byte
    of the answer and of the pages after it is the same."""
    network = Network(world, *"ABCD")
    keep_scorer()
    a, b, _c, d = chain(network)
    browser = world.browser("A")

    def parted():
        if act == "unlinked":
            decided(network, "B", b, a)
        [pair] = [one.id for one in (*asked(network, "A"), *linked(network, "A")) if one.agency == "Agency B"]
        name, said = ("link_question", {"verdict": "different"}) if act == "answered" else ("link_unlink", {})
        answer = browser.post(reverse(f"referrals:{name}", args=[pair]), said, follow=True)
        pages = [read(browser, "link_questions"), read(browser, "links"), read(browser, "client", a.pk)]
        browser.post(reverse("referrals:link_undo", args=[pair]))
        browser.get(reverse("referrals:link_decisions"))
        return answer.redirect_chain, [plain(one) for one in (answer.content.decode(), *pages)]

    free = parted()
    decided(network, "D", d, b)
    assert parted() == free
    assert free[0][0][1] == 302


def test_the_gates_of_a_pair_are_missed_when_they_are_open(network, monkeypatch):
    doubtful(network, "A", "B")
    alike(network, "A", "B")
    [question], [link] = asked(network, "A"), linked(network, "A")
    stranger = network.world.browser("A", "partner_viewer")

    def answers():
        return [
            stranger.get(reverse("referrals:link_question", args=[question.id])).status_code,
            stranger.post(
                reverse("referrals:link_question", args=[question.id]), {"verdict": "unsure"}
            ).status_code,
            stranger.post(reverse("referrals:link_unlink", args=[link.id])).status_code,
            stranger.post(reverse("referrals:link_undo", args=[link.id])).status_code,
        ]

    assert answers() == [404] * 4
    monkeypatch.setattr(Actor, "require", lambda actor, permission: None)
    assert 404 not in answers()


def test_while_linkage_is_off_every_page_says_so_and_nothing_else(network):
    doubtful(network, "A", "B")
    alike(network, "A", "B")
    [question], [link] = asked(network, "A"), linked(network, "A")
    browser = network.world.browser("A")
    browser.post(reverse("referrals:link_unlink", args=[link.id]), follow=True)
    KeyHolder.objects.update(in_use_since=None)
    pages = {plain(read(browser, name)) for name in LISTS}
    assert len({re.search("<main.*</main>", one, re.DOTALL)[0] for one in pages}) == 1
    assert all("Linkage is off" in one and "Agency B" not in one for one in pages)
    assert browser.get(reverse("referrals:link_question", args=[question.id])).status_code == 404
    assert browser.post(reverse("referrals:link_undo", args=[link.id])).status_code == 404


def test_a_decision_about_a_release_that_has_ended_names_nobody(network):
    a, _b = alike(network, "A", "B")
    browser = network.world.browser("A")
    browser.post(reverse("referrals:link_unlink", args=[linked(network, "A")[0].id]))
    assert "Agency B" in read(browser, "link_decisions")
    with network.world.acting("A"):
        release = a.releases.get()
    network.revoke(release)
    html = read(browser, "link_decisions")
    assert "Agency B" not in html and "Two people" not in html
    assert "a decision about a release that has ended" in html and "Undo" in html


def test_who_may_not_edit_clients_reads_and_does_not_answer(network):
    doubtful(network, "A", "B")
    [question] = asked(network, "A")
    browser = network.world.browser("A", "data_lead")
    assert "A caseworker or supervisor answers" in read(browser, "link_question", question.id)
    where = reverse("referrals:link_question", args=[question.id])
    assert browser.post(where, {"verdict": "same"}).status_code == 404


def test_what_a_card_lacks_stands_on_the_clients_page_and_in_the_list(network):
    client = arrives(network, "A", "Rosalind", *TWINS, zip5="30303")
    browser = network.world.browser("A")
    for html in (read(browser, "client", client.pk), read(browser, "link_evidence")):
        assert "last four of the Social Security number" in html
    network.store(client, "Rosalind", *TWINS, zip5="30303", ssn4="4821")
    assert "What would help" not in read(browser, "client", client.pk)
    assert "Nothing is missing" in read(browser, "link_evidence")


def test_the_parts_of_a_date_are_told_where_they_say_more():
    found = atoms(("N.Y",), 1, 1)
    assert found.birth == Said.PART
    assert ("Birth date", "agrees in part") in links.part_words(found)
    assert ("Year of birth", "agrees") in links.part_words(found)
    assert links.remark_words(found)


@pytest.mark.parametrize(
    ("posterior", "words"),
    [(0.94, "Very likely one person (94%)"), (0.5, "More likely one person than two (50%)"),
     (0.2, "More likely two people than one (20%)"), (0.05, "Very likely two people (5% that it is one)")],
)  # fmt: skip
def test_a_probability_in_words(posterior, words):
    assert links.likely_words(posterior) == words


# At most so many queries, whatever the rows: a look at pairs is five, beside our clients, answers and names.
BUDGET = {"link_questions": 21, "links": 20, "link_decisions": 17, "link_evidence": 6}


def test_a_list_costs_the_same_whatever_the_rows(network):
    def more(count):
        for number in range(count):
            last = "Tam" + "aeiou"[number] * 2 + "n" * (count - 1)
            for letter, first in zip("AB", FIRSTS, strict=False):
                arrives(network, letter, first, last, "1990-04-17")
                arrives(network, letter, "Mara", last, "1979-02-11", ssn4="4821")
        linking.link_new()
        for one in linked(network, "A")[:count]:
            with network.world.acting("A"):
                review.unlink(one.id)

    browser = network.world.browser("A")
    more(2)
    few = {name: len(cost(browser, reverse(f"referrals:{name}"))) for name in BUDGET}
    before = len(asked(network, "A"))
    more(4)
    assert len(asked(network, "A")) > before
    many = {name: len(cost(browser, reverse(f"referrals:{name}"))) for name in BUDGET}
    assert few == many
    assert not {name: asked for name, asked in many.items() if asked > BUDGET[name]}, many
