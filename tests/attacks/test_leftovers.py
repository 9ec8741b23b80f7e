"""Nothing of one request is left for the next on the same connection: no agency, no role, no actor, no table."""

import random

import pytest
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.test import RequestFactory

from agencies.doors import AgencyView
from agencies.roles import Permission
from agencies.scope import NotAllowed, ScopeError, acting_as, current_actor
from agencies.scope.counting import counting
from referrals.models import Client, Touchpoint

CLEAN = ("casehub_app", "", "", "", 0)


def left() -> tuple[object, ...]:
    """Who the connection is now, what it was told, and its temporary tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user::text, COALESCE(current_setting('casehub.agency', true), ''),"
            " COALESCE(current_setting('casehub.user', true), ''),"
            " COALESCE(current_setting('casehub.counting', true), ''),"
            " (SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema())"
        )
        return cursor.fetchone()


def request_of(world, letter):
    request = RequestFactory().get("/")
    request.user = world.person(letter)
    request.session = {}
    return request


class Page(AgencyView):
    """A page whose answer is chosen by the test."""

    needs = Permission.CLIENT_VIEW
    answer = staticmethod(lambda: HttpResponse("ok"))

    def get(self, request):
        return self.answer()


def ask(world, letter, answer):
    return Page.as_view(answer=staticmethod(answer))(request_of(world, letter))


def fails():
    raise ValueError("broke")


def aborts():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1/0")


def swallows():
    """A view that catches its own database error inside a savepoint and goes on."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('casehub.agency', '0', true)")
            cursor.execute("SELECT 1/0")
    except DatabaseError:
        return HttpResponse(str(Client.objects.count()))


def counts():
    with counting(current_actor(), network=False) as cursor:
        cursor.execute("SELECT count(*) FROM referrals_client")
        return HttpResponse(str(cursor.fetchone()[0]))


def counts_and_fails():
    with counting(current_actor(), network=True) as cursor:
        cursor.execute("SELECT 1/0")


def stages():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT * FROM referrals_client")
    return HttpResponse("staged")


def refuses():
    raise NotAllowed


ANSWERS = {
    "reads": lambda: HttpResponse(str(Client.objects.count())),
    "fails": fails,
    "aborts": aborts,
    "swallows": swallows,
    "counts": counts,
    "counts_and_fails": counts_and_fails,
    "stages": stages,
    "refuses": refuses,
    "says no": lambda: HttpResponse(status=422),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_a_request_leaves_on_its_connection(lasting_world, answer):
    lasting_world.client("A")
    try:
        ask(lasting_world, "A", answer)
    except Exception:  # whatever it is, the connection must be clean after it
        assert answer not in (ANSWERS["reads"], swallows, counts, stages)
    assert left() == CLEAN
    with pytest.raises(ScopeError):
        current_actor()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM referrals_client")
        assert cursor.fetchone() == (0,)


def test_a_thousand_mixed_requests_on_one_connection(lasting_world):
    """Three agencies in turn, succeeding, failing and counting: each sees its own number of clients, always."""
    clients = {"A": 1, "B": 2, "C": 3}
    for letter, number in clients.items():
        for _ in range(number):
            lasting_world.client(letter)
    chance = random.Random(20250101)
    backend = _backend()
    asked = 0
    for _ in range(1000):
        letter, name = chance.choice("ABC"), chance.choice(list(ANSWERS))
        try:
            answer = ask(lasting_world, letter, ANSWERS[name])
        except Exception:
            assert name in ("fails", "aborts", "counts_and_fails", "refuses")
        else:
            if name in ("reads", "swallows", "counts"):
                assert answer.content == str(clients[letter]).encode(), name
                asked += 1
        if chance.random() < 0.1:
            assert left() == CLEAN
    assert asked > 200
    assert _backend() == backend, "it was the same connection all along"
    assert left() == CLEAN


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_released_savepoint_keeps_what_was_set_in_it(world):
    """Trap 6: why nobody sets an agency anywhere but in the door."""
    with world.acting("A"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('casehub.agency', '0', true)")
        assert Client.objects.count() == 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('casehub.agency')")
            assert cursor.fetchone() == ("0",)


def test_a_lazy_template_is_rendered_while_the_door_is_open(world):
    """Trap 5: a TemplateResponse would read its rows after the view has returned."""
    from django.template.response import TemplateResponse

    client = world.client("A")
    template = engines["django"].from_string("{% for client in clients %}{{ client.pk }}{% endfor %}")
    response = Page.as_view(
        answer=staticmethod(lambda: TemplateResponse(None, template, {"clients": Client.objects.all()}))
    )(request_of(world, "A"))
    assert response.is_rendered
    assert response.content == str(client.pk).encode()


def test_a_streamed_answer_is_refused(world):
    world.client("A")
    with pytest.raises(RuntimeError, match="after the door has closed"):
        ask(world, "A", lambda: StreamingHttpResponse(str(c.pk) for c in Client.objects.all()))


def test_a_streamed_answer_that_says_it_was_made_inside_holds_no_row_if_it_was_not(world):
    """Sabotage: whoever says so falsely streams nothing, loudly."""

    def rows():
        yield from (str(client.pk) for client in Client.objects.all())

    def answer():
        response = StreamingHttpResponse(rows())
        response.made_inside = True
        return response

    world.client("A")
    response = ask(world, "A", answer)
    with pytest.raises(ScopeError):
        b"".join(response.streaming_content)


def test_an_answer_that_refuses_undoes_what_was_written(world):
    """Status 4xx: the door rolls back, so a refusal never leaves half a change."""

    def answer():
        Client.objects.create(agency_id=current_actor().agency_id)
        return HttpResponse(status=422)

    ask(world, "A", answer)
    with world.acting("A"):
        assert Client.objects.count() == 0


def test_the_door_is_shut_to_other_threads(world):
    """An actor is the request's own: a thread it starts has none."""
    from concurrent.futures import ThreadPoolExecutor

    def peek():
        try:
            return current_actor()
        except ScopeError:
            return None

    with world.acting("A"), ThreadPoolExecutor(1) as threads:
        assert threads.submit(peek).result() is None


def test_a_door_inside_a_transaction_is_refused(lasting_world):
    """A door is one transaction: inside a larger one, its rows would outlive its closing."""
    actor = lasting_world.actor("A")
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic(), acting_as(actor):
        Touchpoint.objects.count()
