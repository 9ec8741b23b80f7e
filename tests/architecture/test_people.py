"""Nothing refers to a person but LinkedPerson.person, so that what was unlinked can leave no trace elsewhere."""

import pytest
from django.apps import apps
from django.db import connections, models
from django.test.utils import isolate_apps

from referrals import linking
from referrals.models import LinkedPerson
from tests.attacks import postgres
from tests.referrals.linking.network import Network, everybody

HOME = (LinkedPerson._meta.db_table, "person")
# Columns that are called after a person and hold none of these.
NOT_THESE: set[tuple[str, str]] = set()


def suspicious(model):
    """Fields that point at people, or are called after one."""
    for field in model._meta.get_fields():
        if not getattr(field, "concrete", False) or not getattr(field, "column", None):
            continue
        points = isinstance(field, models.ForeignKey) and field.related_model is LinkedPerson
        if points or "person" in field.name.split("_"):
            yield model._meta.db_table, field.column


def test_no_model_has_another_column_for_a_person():
    every = apps.get_models(include_auto_created=True)
    assert {one for model in every for one in suspicious(model)} - NOT_THESE == {HOME}


@isolate_apps("referrals")
def test_a_forgotten_table_would_be_seen():
    class Outreach(models.Model):
        person = models.UUIDField()
        whom = models.ForeignKey(LinkedPerson, models.CASCADE)

        class Meta:
            app_label = "referrals"

    assert len(list(suspicious(Outreach))) == 2


def test_no_key_of_the_database_points_at_people_but_their_ring(world):
    with connections["owner"].cursor() as owner:
        found = {(key.table, key.columns) for key in postgres.keys(owner) if key.parent == HOME[0]}
    assert found == {(HOME[0], ("next", "ring"))}


def holders(bench, values):
    """Every column of every table in which one of these values stands, whatever its type: looked for as text."""
    columns = bench.run(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    found = set()
    for table, column in columns:
        count = bench.count(
            f'{table} WHERE EXISTS (SELECT FROM unnest(%s::text[]) one WHERE strpos("{column}"::text, one) > 0)',
            [str(value) for value in values],
        )
        if count:
            found.add((table, column))
    return found


def test_no_row_anywhere_holds_a_person_but_their_own_and_unlinking_leaves_none(lasting_world):
    """By value, in every column there is: also what no model calls by its name."""
    network = Network(lasting_world, "A", "B")
    made = [network.arrives(letter, "Maria", "Lopez", "19900203", ssn4="4821") for letter in "AB"]
    linking.bulk()
    was = {row[1] for row in everybody().values()}
    assert len(was) == 1
    with postgres.bench() as bench:
        assert holders(bench, was) == {HOME}
        bench.run("CREATE TABLE public.forgotten AS SELECT person AS whoever FROM referrals_linkedperson")
        assert holders(bench, was) == {HOME, ("forgotten", "whoever")}
    with lasting_world.acting("A"):
        decision = linking.decide(made[0].client_id, made[1].client_id, "apart")
    parted = {row[1] for row in everybody().values()}
    with lasting_world.acting("A"):
        linking.undo(decision)
    with postgres.bench() as bench:
        assert holders(bench, parted - was) == set(), (
            "nothing is left of who was a person while they were apart"
        )
        assert holders(bench, was) == {HOME}
    for one in made:
        network.revoke(one.release)
    with postgres.bench() as bench:
        assert holders(bench, was) == set()


@pytest.mark.parametrize("recipient", ["A", "B"])
def test_two_recipients_can_not_compare_their_names_for_a_person(world, recipient):
    network = Network(world, "A", "B")
    network.arrives("A", "Maria", "Lopez", "19900203")
    linking.bulk()
    ((_end, person, *_rest),) = everybody().values()
    names = {letter: linking.alias(person, world.agency(letter).pk) for letter in "AB"}
    assert names["A"] != names["B"] and str(person).replace("-", "") not in names.values()
    assert names[recipient] == linking.alias(person, world.agency(recipient).pk)
