"""The schema: valid, without a warning, stable, and what the API really does."""

import io
import re

import pytest
from django.conf import settings
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from agencies.privacy import smells_of_identity
from referrals.picklists import LISTS
from tests.casehub.api import Caller

# A client library calls these names; one that goes or changes breaks it.
OPERATIONS = [
    "clients_list",
    "clients_retrieve",
    "enrollments_list",
    "enrollments_retrieve",
    "jobs_list",
    "jobs_retrieve",
    "offers_list",
    "offers_respond_create",
    "offers_retrieve",
    "openings_create",
    "openings_list",
    "picklists_list",
    "pipeline_retrieve",
    "projects_list",
    "projects_retrieve",
    "referrals_list",
    "referrals_retrieve",
    "releases_list",
    "releases_retrieve",
    "screenings_list",
    "screenings_retrieve",
    "services_create",
    "services_list",
    "services_retrieve",
    "touchpoints_create",
    "touchpoints_list",
    "touchpoints_retrieve",
]


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema):
    return [operation for path in schema["paths"].values() for operation in path.values()]


def test_the_schema_is_valid_and_without_a_warning():
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=io.StringIO())


def test_the_how_to_names_every_resource_and_no_other(schema):
    text = (settings.ROOT / "docs" / "how-to" / "use-the-api.md").read_text()
    table = text.partition("| resource |")[2].partition("\n\n")[0]
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named == {path.split("/")[3] for path in schema["paths"]}


def test_operations_keep_their_names(schema):
    assert sorted(one["operationId"] for one in operations(schema)) == OPERATIONS


def test_every_operation_says_how_it_refuses_and_that_one_signs_in(schema):
    for one in operations(schema):
        assert {"400", "401", "404", "429"} <= set(one["responses"])
        assert {"token": []} in one["security"]


def test_what_may_be_sent_is_closed_and_holds_no_owner(schema):
    shapes = schema["components"]["schemas"]
    for name in ("NewTouchpoint", "NewService", "NewOpening", "Answer"):
        assert shapes[name]["additionalProperties"] is False
        assert not {"agency", "id", "worker"} & set(shapes[name]["properties"])


def test_code_lists_stand_in_the_schema_by_name_with_their_missing_answers(schema):
    shapes = schema["components"]["schemas"]
    for name in ("AgeBand", "Gender", "TraffickingStatus", "ServiceType", "Sector"):
        assert shapes[name]["enum"] == [member.value for member in LISTS[name]]


def test_no_field_of_the_schema_is_an_identity(schema):
    about_agencies = {"Project": {"name"}, "Job": {"name"}, "Picklist": {"name"}}
    about_agencies |= {"Opening": {"phone"}, "NewOpening": {"phone"}}
    for shape, found in schema["components"]["schemas"].items():
        for name in set(found.get("properties", ())) - about_agencies.get(shape, set()):
            assert not smells_of_identity(name), (shape, name)


def test_the_schema_is_served_to_whoever_is_signed_in(world):
    answer = Caller(world, "A", "hotline").get("schema/")
    assert answer.status_code == 200 and b"openapi: 3" in answer.content
