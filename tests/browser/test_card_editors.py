"""Two people at two browsers write one card at the same time: every field, and every list, comes through."""

import pytest

from tests.browser.test_cards import Office

pytestmark = pytest.mark.browser
# Halves that are only true together are one thing to two editors: docs/reference/card-formats.md, card.js.
TOGETHER = {
    "phone.number": "phone",
    "phone.times": "phone",
    "phone.voicemail": "phone",
    "address_safe": "address",
}


@pytest.fixture
def office(lasting_world, live_server, browser, own_inbox):
    return Office(lasting_world, live_server, browser)


def fields(desk):
    found = desk.page.locator("form[data-card-form] [data-field]")
    return [found.nth(one).get_attribute("data-field") for one in range(found.count())]


def thing(path):
    return TOGETHER.get(path, path.partition(".")[0] if path.startswith("emergency") else path)


def fill(desk, path, value):
    place = desk.page.locator(f"form[data-card-form] [data-field='{path}']")
    (place.select_option if place.evaluate("one => one.matches('select')") else place.fill)(value)
    return value


def others(desk, path, value):
    """Two values that the field does not have."""
    place = desk.page.locator(f"form[data-card-form] [data-field='{path}']")
    every = [f"{nth} {path}" for nth in ("one", "two", "three")]
    if place.evaluate("one => one.matches('select')"):
        every = ["true", "false", ""]
    elif place.get_attribute("type") == "date":
        every = ["1990-02-03", "1991-04-05", "1992-06-07"]
    return [one for one in every if one != value][:2]


def add(desk, path, text):
    part = desk.page.locator(f"[data-list='{path}']")
    part.locator("[data-add]").click()
    part.locator("[data-rows] input").last.fill(text)


def stands(desk, client):
    desk.card_page(client)
    return {
        path: desk.page.locator(f"form[data-card-form] [data-field='{path}']").input_value()
        for path in fields(desk)
    }


def listed(desk, path):
    rows = desk.page.locator(f"[data-list='{path}'] [data-rows] input")
    return {rows.nth(one).input_value() for one in range(rows.count())}


def test_each_of_two_editors_fields_comes_through_and_where_both_wrote_they_are_asked(office):
    client = office.world.client("A")
    with office.desk() as one, office.desk("supervisor", complains=True) as two:
        office.put(one, client, {"v": 1, "name": {"used": "Linnet"}, "future": {"kept": True}})
        for desk in (one, two):
            desk.go("/clients/")
            desk.unlock()
            desk.card_page(client)
        # Every other thing by one of them.
        paths, written = fields(one), {}
        assert len(paths) >= 15
        things = sorted({thing(path) for path in paths})
        for path in paths:
            is_mine = things.index(thing(path)) % 2 == 0
            desk = one if is_mine else two
            written[path] = fill(desk, path, others(desk, path, "")[0])
        for desk, name in ((one, "mine"), (two, "theirs")):
            for path in ("name.other", "ids.other"):
                add(desk, path, f"{name} {path}")
        one.save()
        one.page.wait_for_selector("[data-card-header][data-card-state='open']")
        two.save()
        two.page.wait_for_selector("form[data-card-state='asked']")
        assert two.page.locator("[data-conflicts] fieldset").count() == 0
        two.save()
        two.page.wait_for_selector("[data-card-header][data-card-state='open']")
        assert stands(two, client) == written
        for path in ("name.other", "ids.other"):
            assert listed(two, path) == {f"mine {path}", f"theirs {path}"}
        # Both change everything, each to something else: asked of each, and what was chosen stands.
        one.card_page(client)
        said = {"mine": {}, "theirs": {}}
        for path in paths:
            mine, theirs = others(two, path, written[path])
            said["theirs"][path] = fill(one, path, theirs)
            said["mine"][path] = fill(two, path, mine)
        one.save()
        one.page.wait_for_selector("[data-card-header][data-card-state='open']")
        two.save()
        two.page.wait_for_selector("form[data-card-state='asked']")
        asked = two.page.locator("[data-conflicts] fieldset")
        assert asked.count() == len(paths)
        chosen = {}
        for nth in range(len(paths)):
            path = paths[nth]
            side = ("mine", "theirs")[nth % 2]
            field = two.page.locator(f"form[data-card-form] [data-field='{path}']").get_attribute("id")
            two.page.locator(f"label[for='{side}-{field}']").click()
            chosen[path] = said[side][path]
        two.save()
        two.page.wait_for_selector("[data-card-header][data-card-state='open']")
        assert stands(two, client) == chosen
