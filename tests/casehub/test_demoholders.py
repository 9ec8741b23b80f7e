"""The demo's key holders: real processes that come up with it, end with it, and are the same ones next time."""

import stat

import pytest

from agencies import linknet, vault
from agencies.models import Agency
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from casehub import demo, demoholders, holders
from casehub.synthetic import world as invented_world
from referrals.linkage.keyholder.client import Asker, Network


@pytest.fixture
def small(db, settings, monkeypatch, tmp_path):
    """The small world's agencies, and an empty data folder; its invented world and the agencies' machines."""
    monkeypatch.setenv("CASEHUB_DATA", str(tmp_path))
    settings.DATA = tmp_path / "demo-small"
    settings.DATA.mkdir()
    settings.CASEHUB_KEYS = str(tmp_path / "keys")
    vault.ensure_kek()
    invented = invented_world("small")
    demo.seed(invented)
    return invented, tmp_path / "machines"


pytestmark = pytest.mark.django_db(databases=["default", "owner"])


def test_three_holders_come_up_are_known_and_end(small):
    invented, machines = small
    with demoholders.serve(invented, machines) as children:
        assert linknet.is_on() and holders.agreed(holders.standings()).epoch == 1
        assert len({child.pid for child in children}) == 3
        for spec in invented.agencies:
            path = demoholders.network_file(machines, spec.slug)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        network = Network.read(demoholders.network_file(machines, invented.agencies[0].slug))
        made = Asker(network, 1)([b"x"])
    assert all(child.poll() is not None for child in children)
    # The next time they are the same three, wherever they listen now, and the same tokens come out.
    with demoholders.serve(invented, machines):
        assert linknet.is_on() and [one.number for one in linknet.epochs()] == [1]
        network = Network.read(demoholders.network_file(machines, invented.agencies[0].slug))
        assert Asker(network, 1)([b"x"]) == made


def test_turned_off_it_stays_off(small):
    invented, machines = small
    with demoholders.serve(invented, machines):
        office = Agency.objects.get(slug=invented.offices[0].slug)
        with acting_as(Actor.hub(office, Permission.NETWORK_MANAGE)):
            linknet.turn_off()
    with demoholders.serve(invented, machines):
        assert not linknet.is_on()


def test_what_a_killed_demo_left_is_ended_by_the_next(small):
    invented, machines = small
    with demoholders.serve(invented, machines) as left:
        with demoholders.serve(invented, machines) as children:
            assert all(child.poll() is not None for child in left)
            assert all(child.poll() is None for child in children)


def test_other_holders_than_the_databases_are_told(small):
    invented, machines = small
    with demoholders.serve(invented, machines):
        pass
    for path in sorted(demoholders._home().rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    demoholders._home().rmdir()
    with pytest.raises(SystemExit, match="not those of its database"):
        with demoholders.serve(invented, machines):
            pass
