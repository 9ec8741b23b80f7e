"""Views that people keep, and the e-mail about new figures: whose they are, what they hold, when one is sent."""

import re

import pytest
from django.core import mail

from agencies.models import Membership
from casehub.celery import tell_of_new_figures
from reporting import saved
from reporting.models import SavedView
from tests.reporting import cubes

WHO = {"page": "who", "by": "who.age_band", "only": ""}


@pytest.fixture
def viewer(world):
    return world.browser("P", "partner_viewer")


@pytest.fixture
def sends(settings):
    """A hub that sends mail and knows its address."""
    settings.CSRF_TRUSTED_ORIGINS = ["https://hub.example"]


def keep(browser, **changed):
    return browser.post("/numbers/saved/", WHO | changed)


def test_a_view_is_kept_once_opens_and_is_its_persons_alone(world, viewer):
    cubes.who()
    assert keep(viewer).status_code == 302 and keep(viewer).status_code == 302
    (view,) = SavedView.objects.all()
    assert view.user == world.person("P", "partner_viewer") and view.choices == {"by": "who.age_band"}
    page = viewer.get("/numbers/saved/").content.decode()
    address = re.search(r'href="(/numbers/who/\?[^"]+)"', page)[1]
    assert viewer.get(address).status_code == 200 and "By age" in page
    other = world.browser("A", "caseworker")
    assert address not in other.get("/numbers/saved/").content.decode()
    for act in ("remove", "send", "stop"):
        assert other.post(f"/numbers/saved/{view.pk}/", {"act": act}).status_code == 404
    assert SavedView.objects.exists()
    assert viewer.post(f"/numbers/saved/{view.pk}/", {"act": "remove"}).status_code == 302
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"page": "grants"}, {"page": ""}, {"by": "services.service"}, {"by": "who"}, {"by": ""},
        {"by": "who.age_band-Maria Fen"}, {"only": "Maria Fen"}, {"by": "who.age_band", "only": "labor"},
        {"by": "Maria Fen.age_band"}, {"by": "who.a-b-c-d"},
    ],
)  # fmt: skip
def test_nothing_typed_is_kept(world, viewer, wrong):
    assert keep(viewer, **wrong).status_code == 404
    assert not SavedView.objects.exists()


def test_a_view_keeps_its_value(world, viewer):
    assert keep(viewer, by="who.trafficking_type-age_band", only="labor").status_code == 302
    assert SavedView.objects.get().choices["only"] == "labor"
    assert "Labor trafficking" in viewer.get("/numbers/saved/").content.decode()


def test_one_person_keeps_so_many(world, viewer, monkeypatch):
    monkeypatch.setattr(saved, "MOST", 1)
    keep(viewer)
    keep(viewer, by="who.gender")
    assert SavedView.objects.count() == 1
    assert "Remove one first" in viewer.get("/numbers/saved/").content.decode()


def asked_for_mail(viewer):
    keep(viewer)
    view = SavedView.objects.get()
    viewer.post(f"/numbers/saved/{view.pk}/", {"act": "send"})
    view.refresh_from_db()
    return view


def test_mail_is_off_until_asked_for_and_where_the_hub_sends_none(world, viewer, settings):
    keep(viewer)
    assert not SavedView.objects.get().is_sent
    assert "sends no e-mail" in viewer.get("/numbers/saved/").content.decode()
    view = SavedView.objects.get()
    assert viewer.post(f"/numbers/saved/{view.pk}/", {"act": "send"}).status_code == 404
    settings.CSRF_TRUSTED_ORIGINS = ["https://hub.example"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert not saved.can_send()
    cubes.who()
    assert tell_of_new_figures() == 0 and mail.outbox == []


def test_new_figures_send_one_link_and_no_figure(world, viewer, sends):
    cubes.who()
    view = asked_for_mail(viewer)
    assert view.is_sent and tell_of_new_figures() == 0, "what was there when it was asked for is no news"
    cubes.one_axis("who", "age_band", {"13_17": 20, "18_24": 61, "25_59": 47}, cubes.THREE_YEARS)
    assert tell_of_new_figures() == 1 and tell_of_new_figures() == 0
    (sent,) = mail.outbox
    assert sent.to == [world.person("P", "partner_viewer").email]
    said = sent.subject + sent.body
    assert "https://hub.example/numbers/saved/" in said
    assert not re.search(
        r"\d|traffick|\bage\b|client|agency", said.replace("https://hub.example/numbers/saved/", "")
    )
    # the link alone opens nothing
    viewer.logout()
    assert "login" in viewer.get("/numbers/saved/").url


def test_several_views_of_one_person_are_one_mail(world, viewer, sends):
    asked_for_mail(viewer)
    keep(viewer, by="who.gender")
    for view in SavedView.objects.all():
        viewer.post(f"/numbers/saved/{view.pk}/", {"act": "send"})
    cubes.who()
    assert tell_of_new_figures() == 1 and len(mail.outbox) == 1


def test_who_stopped_or_may_no_longer_read_gets_none(world, viewer, sends):
    view = asked_for_mail(viewer)
    viewer.post(f"/numbers/saved/{view.pk}/", {"act": "stop"})
    cubes.who()
    assert tell_of_new_figures() == 0
    viewer.post(f"/numbers/saved/{view.pk}/", {"act": "send"})
    Membership.objects.filter(user=view.user).delete()
    cubes.one_axis("who", "age_band", {"13_17": 20, "18_24": 61}, cubes.THREE_YEARS)
    assert tell_of_new_figures() == 0 and mail.outbox == []


def test_mail_that_fails_is_not_tried_for_ever(world, viewer, sends, monkeypatch):
    asked_for_mail(viewer)
    cubes.who()

    def refuses(*_args, **_kwargs):
        raise ConnectionRefusedError

    monkeypatch.setattr(saved, "send_mail", refuses)
    assert tell_of_new_figures() == 0
    monkeypatch.undo()
    assert tell_of_new_figures() == 0
