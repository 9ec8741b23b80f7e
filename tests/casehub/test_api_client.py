"""The Python client against a served hub: reading, writing once through failures, and keeping its token."""

import re
import uuid
from datetime import UTC, date, datetime

import pytest
from django.conf import settings
from django.core.cache import cache

from client.casehub_client import Casehub, CasehubError
from referrals.models import Service, Touchpoint
from tests.casehub.api import Caller


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()


@pytest.fixture
def hub(lasting_world, live_server):
    return Casehub(live_server.url, token=Caller(lasting_world, "A").secret, wait=lambda seconds: None)


def test_it_reads_every_row_through_pages_and_filters(lasting_world, hub):
    made = {str(lasting_world.client("A", code=f"KH-{number}").pk) for number in range(5)}
    assert {one["id"] for one in hub.each("clients", page=2)} == made
    assert list(hub.each("clients", enrolled=True)) == []
    assert list(hub.each("clients", changed_since=datetime(2999, 1, 1, tzinfo=UTC))) == []
    assert hub.one("clients", next(iter(made)))["code"].startswith("KH-")


def test_it_records_contacts_and_services_and_reads_figures(lasting_world, hub):
    client = lasting_world.client("A")
    hub.record_touchpoint(sector="outreach", client=client.pk, trafficking_status="possible")
    hub.record_service(client=client.pk, type="cm", provided_on=date(2025, 2, 3))
    with lasting_world.acting("A"):
        assert (Touchpoint.objects.count(), Service.objects.count()) == (1, 1)
    assert hub.pipeline()["stages"][0]["stage"] == "identified"
    assert hub.pipeline(date(2025, 1, 1), date(2025, 2, 1))["period"] == {
        "start": "2025-01-01",
        "end": "2025-02-01",
    }
    assert hub.picklists()["Sector"]["values"]


def test_it_answers_an_offer(lasting_world, live_server):
    offer = lasting_world.offer(sender="A", receiver="B")
    hub = Casehub(live_server.url, token=Caller(lasting_world, "B").secret)
    assert [one["id"] for one in hub.each("offers")] == [str(offer.pk)]
    hub.answer_offer(offer.pk, outcome="declined", reason="no_capacity")
    assert list(hub.each("offers")) == []


def test_a_refusal_names_the_field_and_is_not_tried_again(lasting_world, hub):
    waited = []
    hub._wait = waited.append
    with pytest.raises(CasehubError) as refused:
        hub.record_touchpoint(sector="castle")
    assert (refused.value.status, list(refused.value.problems)) == (400, ["sector"])
    assert "castle" not in str(refused.value)
    with pytest.raises(CasehubError) as missing:
        hub.one("clients", uuid.uuid4())
    assert missing.value.status == 404 and not waited


def test_a_write_whose_answer_was_lost_is_repeated_and_done_once(lasting_world, hub):
    really, lost = hub._opener.open, []

    def open_and_lose(request, timeout):
        answer = really(request, timeout=timeout)
        if not lost:
            lost.append(answer.read())
            answer.close()
            raise ConnectionResetError
        return answer

    hub._opener.open = open_and_lose
    made = hub.record_touchpoint(sector="outreach")
    assert made in lost[0].decode()
    with lasting_world.acting("A"):
        assert Touchpoint.objects.count() == 1


def test_a_hub_that_is_away_is_said_to_be(live_server):
    waited = []
    hub = Casehub("http://127.0.0.1:9", token="x", wait=waited.append)
    with pytest.raises(CasehubError) as away:
        hub.picklists()
    assert away.value.status == 0 and waited == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("url", ["http://hub.example.org", "ftp://localhost", "hub.example.org"])
def test_a_token_goes_nowhere_without_tls(url):
    with pytest.raises(ValueError, match="https"):
        Casehub(url, token="x")


def test_a_time_without_its_zone_is_refused(hub):
    with pytest.raises(ValueError, match="time zone"):
        hub.record_touchpoint(sector="outreach", occurred_at=datetime(2025, 1, 1))


def test_the_how_to_runs_as_it_is_written(lasting_world, live_server, capsys):
    lasting_world.client("A", trafficking_status="possible")
    text = (settings.ROOT / "docs" / "how-to" / "use-the-api.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(example, {"url": live_server.url, "token": Caller(lasting_world, "A").secret})
    with lasting_world.acting("A"):
        assert sorted(one.sector for one in Touchpoint.objects.all()) == ["hotline", "outreach"]
    assert "identified" in capsys.readouterr().out
