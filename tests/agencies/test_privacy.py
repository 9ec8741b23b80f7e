"""Privacy of fields: what is classified, what the counting role may read, which columns are refused."""

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.test.utils import isolate_apps

from agencies.privacy import (
    Privacy,
    check,
    classify,
    forbidden_columns,
    reporter_columns,
    smells_of_identity,
)


class Base(models.Model):
    """Stands for the abstract base of rows."""

    recorded_at = models.DateTimeField()

    privacy = Privacy(open={"id"}, linkable={"recorded_at"})

    class Meta:
        abstract = True
        app_label = "agencies"


@pytest.fixture(autouse=True)
def apart():
    with isolate_apps("agencies"):
        yield


def visit(privacy: Privacy, **fields: models.Field) -> type[models.Model]:
    """A model of one table on top of Base, with these fields."""
    meta = type("Meta", (), {"app_label": "agencies"})
    return type("Visit", (Base,), {"__module__": __name__, "Meta": meta, "privacy": privacy, **fields})


def test_a_model_says_what_its_bases_say_and_its_own():
    model = visit(
        Privacy(direct={"label"}, linkable={"age"}), label=models.BinaryField(), age=models.IntegerField()
    )
    assert check(model) == []
    assert classify(model) == {"id": "open", "recorded_at": "linkable", "label": "direct", "age": "linkable"}


def test_the_nearest_class_has_the_word():
    model = visit(Privacy(direct={"recorded_at"}))
    assert check(model) == []
    assert classify(model)["recorded_at"] == "direct"
    assert "recorded_at" not in reporter_columns(model)


@pytest.mark.parametrize(
    ("privacy", "problem"),
    [
        (Privacy(), "agencies.Visit.age stands in no set"),
        (Privacy(direct={"age"}, open={"age"}), "agencies.Visit.age stands in direct and open"),
        (Privacy(linkable={"age", "height"}), "agencies.Visit has no field height"),
    ],
)
def test_a_field_in_no_set_in_two_or_unknown_is_a_problem(privacy, problem):
    assert check(visit(privacy, age=models.IntegerField())) == [problem]


def test_a_model_that_says_nothing_is_a_problem():
    class Silent(models.Model):
        class Meta:
            app_label = "agencies"

    assert check(Silent) == ["agencies.Silent says nothing about privacy"]
    assert reporter_columns(Silent) == []


def test_many_to_many_fields_are_classified_too():
    class Tag(models.Model):
        privacy = Privacy(open={"id"})

        class Meta:
            app_label = "agencies"

    model = visit(Privacy(), tags=models.ManyToManyField(Tag))
    assert check(model) == ["agencies.Visit.tags stands in no set"]


def test_the_counting_role_reads_columns_by_their_names_in_the_database():
    model = visit(
        Privacy(direct={"label"}, linkable={"client", "age"}),
        label=models.BinaryField(),
        client=models.ForeignKey("self", models.PROTECT),
        age=models.IntegerField(db_column="age_band"),
    )
    assert reporter_columns(model) == ["id", "recorded_at", "client_id", "age_band"]


@pytest.mark.parametrize("privacy", [Privacy(), Privacy(direct={"age"}, open={"age"})])
def test_a_forgotten_or_doubtful_field_is_closed_to_the_counting_role(privacy):
    assert reporter_columns(visit(privacy, age=models.IntegerField())) == ["id", "recorded_at"]


@pytest.mark.parametrize(
    "column",
    [
        *("name", "first_name", "LastName", "alias", "ssn", "ssn4", "dob", "birth_date", "date_of_birth"),
        *(
            "a_number",
            "phone2",
            "home_phone",
            "email",
            "e_mail_address",
            "address1",
            "ip_address",
            "photo_url",
        ),
    ],
)
def test_an_identity_is_smelled(column):
    assert smells_of_identity(column)


@pytest.mark.parametrize(
    "column",
    [
        *("renamed_at", "birth_year_band", "county_id", "number", "case_number", "screened_on", "shipment"),
        *("filename", "minimum_cell", "district", "entry_on"),
    ],
)
def test_structure_is_not(column):
    assert not smells_of_identity(column)


@pytest.mark.parametrize(
    ("name", "field", "problems"),
    [
        ("given_name", models.BinaryField(), []),
        ("given_name", models.CharField(max_length=9), ["agencies.Visit.given_name smells of identity"]),
        ("remark", models.BinaryField(), []),
        ("remark", models.TextField(), ["agencies.Visit.remark takes any text"]),
        ("remark", models.JSONField(), ["agencies.Visit.remark takes any text"]),
        ("remark", models.CharField(max_length=9, choices=[("a", "A")]), []),
    ],
)
def test_only_sealed_bytes_hold_an_identity_and_no_free_text_stands_about_a_client(name, field, problems):
    assert forbidden_columns([visit(Privacy(direct={name}), **{name: field})]) == problems


def test_sealed_bytes_count_as_sealed_only_when_classified_direct():
    model = visit(Privacy(linkable={"photo"}), photo=models.BinaryField())
    assert forbidden_columns([model]) == ["agencies.Visit.photo smells of identity"]


def test_exceptions_are_named_by_table_and_field():
    model = visit(Privacy(linkable={"name", "code"}), name=models.TextField(), code=models.TextField())
    assert len(forbidden_columns([model])) == 2
    assert forbidden_columns([model], allowed={"agencies.Visit": {"name"}}) == [
        "agencies.Visit.name takes any text",
        "agencies.Visit.code takes any text",
    ]
    both = {"agencies.Visit": {"name", "code"}}
    assert forbidden_columns([model], allowed=both, declared=both) == []
    assert forbidden_columns([model], allowed={"agencies.Stay": {"name"}}, declared=both)


def test_an_array_takes_what_its_members_take():
    class Codes(ArrayField):
        picklist: object = None

    listed, free = Codes(models.CharField(max_length=9)), Codes(models.CharField(max_length=9))
    listed.picklist = object()
    model = visit(Privacy(linkable={"listed", "free"}), listed=listed, free=free)
    assert forbidden_columns([model]) == ["agencies.Visit.free takes any text"]


def test_structure_may_take_text():
    class Kind(models.Model):
        means = models.TextField()
        privacy = Privacy(open={"id", "means"})

        class Meta:
            app_label = "agencies"

    assert forbidden_columns([Kind]) == []
