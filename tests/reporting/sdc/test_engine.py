"""The disclosure engine against known answers, random linked tables and an attacker of other code."""

import copy
import itertools
import json
import sys

import numpy as np
import pytest

from reporting.sdc import certificate, command, pattern, proofs, rules
from reporting.sdc.attacker import attack
from reporting.sdc.certificate import certify, verify
from reporting.sdc.coalitions import coalitions
from reporting.sdc.pattern import Refused, choose
from reporting.sdc.policy import Policy
from reporting.sdc.rules import primary, readers
from reporting.sdc.second_opinion import audit
from reporting.sdc.solve import protected
from reporting.sdc.system import Malformed, read
from tests.reporting.sdc import invented

SEED = bytes(range(32))


def run(table):
    return protected(read(table), SEED).to_data()


def small(table):
    """The ids of small counts, by the plainest reading of the rule."""
    return {cell["id"] for cell in table["cells"] if 0 < cell["value"] < table.get("threshold", 11)}


def holes(table, result, *, strict=False, whole=False):
    """Small counts that the independent attacker narrows too far."""
    found = attack(table, result["shown"], small(table), whole=whole)
    assert set(found) == small(table), "a small count is shown"
    return {
        name: (low, high) for name, (low, high) in found.items() if high - low < 5 or (strict and high < 11)
    }


class TestKnownAnswers:
    """A 4x4 that line-by-line suppression leaves open, and two lists that are safe only one by one."""

    def test_one_exact_in_spite_of_two_in_every_line(self):
        """Two squares of suppressed cells that one cell alone joins: the lines of either square give it away."""
        grid = ((5, 20, 3, 50), (30, 4, 60, 70), (40, 50, 9, 6), (80, 90, 7, 8))
        table = invented.of_grid(grid)
        hidden = {"0/0", "0/1", "1/0", "1/1", "0/2", "2/2", "2/3", "3/2", "3/3"}
        value = {cell["id"]: cell["value"] for cell in table["cells"]}
        shown = {name: n for name, n in value.items() if name not in hidden}
        lines = [[*relation["parts"], relation["total"]] for relation in table["relations"]]
        assert all(len(hidden & set(line)) != 1 for line in lines)
        assert attack(table, shown)["0/2"] == (3.0, 3.0)
        system = read(table)
        flags = np.array([name in hidden for name in system.ids])
        _, exposed = certify(system, flags, seed=SEED)
        assert [(one.cell, one.low, one.high) for one in exposed if one.exact] == [("0/2", 3.0, 3.0)]
        result = run(table)
        assert holes(table, result) == {}
        assert len(result["secondary"]) <= 4

    def test_two_lists_each_safe_alone_are_not_so_together(self):
        first = {"total": "total", "parts": ["a", "b", "c"]}
        second = {"total": "half", "parts": ["a", "b"]}
        values = {"a": 30, "b": 20, "c": 3, "total": 53, "half": 50, "d": 60, "e": 63}
        table = {
            "cells": [{"id": name, "value": n} for name, n in values.items()],
            "relations": [first, second, {"total": "e", "parts": ["c", "d"]}],
        }
        hidden = {"a", "b", "c", "d"}
        shown = {name: n for name, n in values.items() if name not in hidden}
        for relation in table["relations"]:
            alone = attack({**table, "relations": [relation]}, shown, {"c"})
            assert alone["c"][1] - alone["c"][0] >= 5
        assert attack(table, shown, {"c"})["c"] == (3.0, 3.0)
        assert holes(table, run(table)) == {}
        table["forced"] = ["total", "half"]
        with pytest.raises(Refused) as refused:
            run(table)
        assert refused.value.blocked == ["c"]
        assert set(refused.value.blocks) & {"total", "half"}


@pytest.mark.parametrize("strict", [False, True])
def test_random_linked_tables_hold(strict):
    for number in range(6 if strict else 10):
        check(number, strict=strict)


@pytest.mark.slow
def test_a_thousand_linked_tables_hold():
    assert sum(check(number, strict=False) for number in range(1000)) > 20_000


@pytest.mark.slow
def test_many_linked_tables_hold_strictly():
    """A quarter of them: `python -m tests.reporting.sdc.test_engine` does all thousand, in some ten minutes."""
    assert sum(check(number, strict=True) for number in range(250)) > 5_000


def check(number, *, strict):
    """Everything the issue asks of one table; how many small published counts it has."""
    table = {**invented.linked(np.random.default_rng([5, number])), "strict": strict}
    result = run(table)
    assert verify(result, read(table)) == []
    assert audit(table, result["shown"]).exposed == ()
    seen = small(table) - set(table["hidden"])
    assert not seen & set(result["shown"])
    return len(seen)


def test_the_audit_agrees_with_an_attack_on_each_count():
    for number in range(2):
        table = invented.linked(np.random.default_rng([5, number]))
        shown = {cell["id"]: cell["value"] for cell in table["cells"]}
        shown = {name: shown[name] for name in shown.keys() - small(table) - set(table["hidden"])}
        found = {one.cell: (one.low, one.high) for one in audit(table, shown).exposed}
        truly = attack(table, shown, small(table))
        assert found == {name: ends for name, ends in truly.items() if ends[1] - ends[0] < 5}
        assert found or not small(table)


def test_a_hidden_small_count_is_protected_too():
    table = invented.linked(np.random.default_rng([6, 1]), (4, 4, 4))
    assert holes(table, run(table)) == {}


def test_whole_numbers_narrow_nothing():
    table = invented.linked(np.random.default_rng([6, 2]), (4, 4, 3))
    assert holes(table, run(table), whole=True) == {}


@pytest.mark.parametrize("tables", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_a_suppressed_cell_published_by_hand_is_named_by_the_audit(tables):
    """A10: whichever cell is put back, the audit names it if it is small, and every count it gives away."""
    mattered = 0
    for number in range(tables):
        table = invented.linked(np.random.default_rng([8, number]))
        result = run(table)
        value = {cell["id"]: cell["value"] for cell in table["cells"]}
        assert audit(table, result["shown"]).exposed == ()
        for name in result["suppressed"]:
            found = audit(table, {**result["shown"], name: value[name]})
            beside = name in result["secondary"]
            assert beside or name in {one.cell for one in found.exposed}
            mattered += beside and bool(found.exposed)
    assert mattered >= tables


@pytest.mark.slow
def test_the_certificate_vouches_for_no_cell_published_by_hand():
    """The engine and the attacker of other code agree on what is exposed, and how far."""
    mattered = 0
    for number in range(8):
        table = invented.linked(np.random.default_rng([8, number]))
        system = read(table)
        chosen = choose(system, seed=SEED)
        for at in np.flatnonzero(chosen.suppressed)[:6]:
            flags = chosen.suppressed.copy()
            flags[at] = False
            unknown = flags | system.hidden
            shown = {system.ids[n]: int(system.values[n]) for n in np.flatnonzero(~unknown)}
            found = {one.cell: one for one in audit(table, shown).exposed}
            _, exposed = certify(system, flags, seed=SEED, targets=chosen.targets)
            named = {one.cell: one for one in exposed}
            assert set(found) == set(named)
            mattered += bool(found)
            for name, one in found.items():
                assert named[name].low <= one.low + 1e-6 <= one.high + 2e-6 <= named[name].high + 3e-6
    assert mattered > 5


class TestAgencies:
    def table(self, number=1):
        rng = np.random.default_rng([9, number])
        return invented.with_agencies(invented.two_way(rng, 6, 5, mean=40), rng)

    def test_no_agency_is_left_with_a_few_when_it_takes_its_own(self):
        for number in range(5):
            table = self.table(number)
            result = run(table)
            for cell in table["cells"]:
                if cell["id"] in result["shown"]:
                    parts = [n for n in cell["by"].values() if n]
                    assert all(not 0 < cell["value"] - n < 11 for n in parts)
                    assert not parts or len(parts) >= 3

    def test_the_rule_is_the_policy_s_and_network_wide_counts_may_be_one_agency_s(self):
        policy, rng = Policy(), np.random.default_rng(3)
        for scale in (3, 12, 40, 300):
            for _ in range(200):
                by = {f"a{n}": int(c) for n, c in enumerate(rng.integers(0, scale, rng.integers(1, 6)))}
                cell = {"id": "x", "value": sum(by.values()), "by": by}
                hidden = bool(primary(read({"cells": [cell]}))[0])
                assert hidden == (not policy.may_show(by)), by
        big = {"id": "x", "value": 200, "by": {"a": 180, "b": 20}}
        assert primary(read({"cells": [big]}))[0]
        assert not primary(read({"cells": [{**big, "network": True}]}))[0]
        three = {"id": "x", "value": 100, "by": {"a": 70, "b": 15, "c": 15}}
        assert not primary(read({"cells": [three]}))[0]
        assert primary(read({"cells": [three], "dominance": "2/3"}))[0]
        assert primary(read({"cells": [three], "min_agencies": 4}))[0]

    def test_no_agency_narrows_a_small_count_with_what_it_knows(self):
        table = self.table()
        result = run(table)
        targets = set(result["suppressed"]) - set(result["secondary"])
        for name in sorted({name for cell in table["cells"] for name in cell["by"]}):
            own = {cell["id"]: cell["by"][name] for cell in table["cells"]}
            found = attack(table, result["shown"], targets, own=own)
            assert {at: ends for at, ends in found.items() if ends[1] - ends[0] < 5} == {}

    def test_without_the_rule_agencies_would_be_left_with_a_few(self):
        """So that the test above is known to bite."""
        table = self.table()
        for cell in table["cells"]:
            cell_by = cell.pop("by")
            cell["was"] = cell_by
        cells = [{"id": cell["id"], "value": cell["value"]} for cell in table["cells"]]
        result = run({**table, "cells": cells})
        was = {cell["id"]: cell["was"] for cell in table["cells"]}
        left = [n - own for name, n in result["shown"].items() for own in was[name].values() if own]
        assert any(0 < n < 11 for n in left)

    def test_who_knows_a_cell_exactly_gets_no_further(self):
        table = invented.of_grid(((3, 20, 30), (40, 4, 25), (33, 22, 5)))
        first = run(table)
        secondary = first["secondary"][0]
        value = {cell["id"]: cell["value"] for cell in table["cells"]}
        table["known"] = [{"scope": "funder", "cells": {secondary: value[secondary]}}]
        result = run(table)
        knows = {secondary: value[secondary]}
        found = attack(table, result["shown"], small(table) - set(knows), knows=knows)
        assert {name: ends for name, ends in found.items() if ends[1] - ends[0] < 5} == {}


class TestForcedAndRefused:
    def test_a_forced_cell_is_shown(self):
        table = invented.of_grid(((3, 20, 30), (40, 14, 25), (33, 22, 50)))
        secondary = run(table)["secondary"][0]
        result = run({**table, "forced": [secondary]})
        assert secondary in result["shown"]
        assert holes(table, result) == {}

    def test_a_small_count_that_is_public_already_is_refused_by_name(self):
        table = invented.of_grid(((3, 20), (40, 50)))
        with pytest.raises(Refused) as refused:
            run({**table, "forced": ["0/0"]})
        assert (refused.value.blocked, refused.value.blocks) == (["0/0"], ["0/0"])

    def test_an_increment_between_two_public_totals_is_a_count_too(self):
        """Two totals, both public, of which the second has four people more: nothing can be done."""
        table = {
            "cells": [{"id": "may", "value": 30}, {"id": "later", "value": 34}, {"id": "late", "value": 4}],
            "relations": [{"total": "later", "parts": ["may", "late"]}],
            "hidden": ["late"],
            "forced": ["may"],
        }
        assert run(table)["suppressed"] == ["later"]
        with pytest.raises(Refused) as refused:
            run({**table, "forced": ["may", "later"]})
        assert refused.value.blocked == ["late"]
        assert set(refused.value.blocks) == {"later"} or set(refused.value.blocks) == {"may", "later"}

    @pytest.mark.parametrize(
        "table",
        [
            [],
            {"cells": [{"id": "a", "value": -1}]},
            {"cells": [{"id": "a", "value": 1}, {"id": "a", "value": 1}]},
            {"cells": [{"id": "a", "value": 1}], "relations": [{"total": "a", "parts": ["b"]}]},
            {
                "cells": [{"id": "a", "value": 5}, {"id": "b", "value": 4}],
                "relations": [{"total": "a", "parts": ["b"]}],
            },
            {"cells": [{"id": "a", "value": 5, "by": {"x": 6}}]},
            {"cells": [], "surprise": 1},
            {},
            {"cells": [{"id": "a", "value": 10**30}]},
            {"cells": [{"id": "a", "value": 1}], "relations": [{"total": "a", "parts": [["a"]]}]},
            {"cells": [{"id": "a", "value": 1}], "forced": [{}]},
            {"cells": [{"id": "a", "value": 1}], "known": [{"cells": {"a": 1}}]},
            {"cells": [{"id": "a", "value": 1}], "dominance": 0},
            {"cells": [{"id": "a", "value": 1, "forced": True}]},
        ],
        ids=[
            "list",
            "negative",
            "twice",
            "unknown",
            "sums",
            "by",
            "key",
            "empty",
            "huge",
            "nested",
            "forced",
            "scope",
            "dominance",
            "cell key",
        ],
    )
    def test_what_is_no_table_is_said_to_be_none(self, table):
        with pytest.raises(Malformed, match=r"\.$"):
            read(table)


@pytest.mark.slow
def test_two_years_of_releases_hold_together():
    answers = []
    for question in invented.history(np.random.default_rng(3), 24, answers):
        answers.append(run(question)["shown"])
        last = question
    shown = {
        name: n for name, n in ((c["id"], c["value"]) for c in last["cells"]) if name in set(last["forced"])
    }
    assert audit(last, {**shown, **answers[-1]}).exposed == ()


class TestCommands:
    @pytest.fixture
    def files(self, tmp_path):
        def write(table):
            (tmp_path / "table.json").write_text(json.dumps(table))
            return ["--file", str(tmp_path / "table.json"), "--json", str(tmp_path / "out.json")]

        return write, lambda: json.loads((tmp_path / "out.json").read_text())

    def test_protect_writes_what_verify_release_believes(self, files, capsys):
        write, out = files
        assert command.protect(write(invented.linked(np.random.default_rng([5, 1])))) == 0
        result = out()
        assert set(result) == {"shown", "suppressed", "secondary", "certificate", "audit", "seconds"}
        assert result["audit"]["exact"] == result["audit"]["narrow"] == 0
        path = files[0]({})[3]
        assert command.verify_release([path]) == 0
        assert (
            "The certificate holds for a threshold of 11 and a width of 5, not strictly ("
            in capsys.readouterr().out
        )
        assert (
            command.protect(write({**invented.of_grid(((40, 20), (40, 50))), "strict": True, "width": 7}))
            == 0
        )
        assert command.verify_release([path]) == 0
        assert "a threshold of 11 and a width of 7, strictly (" in capsys.readouterr().out

    def test_what_can_not_be_protected_is_refused_with_what_blocks_it(self, files, capsys):
        write, out = files
        assert command.protect(write({**invented.of_grid(((3, 20), (40, 50))), "forced": ["0/0"]})) == 3
        assert (out()["blocked"], out()["blocking"]) == (["0/0"], ["0/0"])
        assert capsys.readouterr().err.endswith(".\n")

    def test_bad_input_is_said_in_a_sentence(self, files, capsys):
        write, _ = files
        assert command.protect(write({"cells": [{"id": "a", "value": -1}]})) == 2
        assert command.protect([*write({"cells": []}), "--seed", "no"]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2 and all(one.startswith("protect: ") and one.endswith(".") for one in said)

    def test_nothing_is_written_where_other_code_finds_a_hole(self, files, monkeypatch, capsys):
        write, out = files
        monkeypatch.setattr(command, "protected", lambda system, seed: _Careless(system))
        assert command.protect(write(invented.of_grid(((3, 20), (40, 50))))) == 4
        assert "0/0 (3 to 3)" in capsys.readouterr().err
        with pytest.raises(FileNotFoundError):
            out()


class _Careless:
    """An engine that shows everything."""

    def __init__(self, system):
        self._shown = dict(zip(system.ids, system.values.tolist(), strict=True))

    def to_data(self):
        return {"shown": self._shown}


class TestSeed:
    def test_the_same_seed_gives_the_same_table(self):
        table = invented.linked(np.random.default_rng([10, 1]))
        assert run(table) == run(table)

    def test_ties_fall_by_the_seed_and_the_certificate_commits_to_it(self):
        table = invented.of_grid(((3, 20, 20, 20), (20, 20, 20, 20), (20, 20, 20, 20), (20, 20, 20, 20)))
        results = [protected(read(table), bytes([n]) * 32).to_data() for n in range(12)]
        assert len({tuple(result["suppressed"]) for result in results}) > 1
        assert len({result["certificate"]["seed"] for result in results}) == 12


class TestCertificate:
    @pytest.fixture
    def made(self):
        table = invented.linked(np.random.default_rng([11, 3]))
        return table, run(table)

    def test_it_holds(self, made):
        table, result = made
        assert verify(result) == verify(result, read(table)) == []

    def test_it_is_made_without_the_true_counts(self, made):
        """Other true counts that fit what is shown give the same certificate."""
        table, result = made
        section = result["certificate"]["readers"][0]
        other = copy.deepcopy(table)
        tables = [t for t in section["tables"] if all(n == int(n) for n in t)]
        for place, n in zip(section["unknown"], tables[0], strict=True):
            other["cells"][place]["value"] = int(n)
        system, twin = read(table), read(other)
        assert (system.values != twin.values).any()
        flags = np.array([name in set(result["suppressed"]) for name in system.ids])
        targets = primary(system)
        one, _ = certify(system, flags, seed=SEED, targets=targets)
        two, _ = certify(twin, flags, seed=SEED, targets=targets)
        assert one == two

    def test_each_way_of_spoiling_it_is_seen(self, made):
        table, result = made
        spoilt = [copy.deepcopy(result) for _ in range(7)]
        name = next(iter(n for n, v in spoilt[0]["shown"].items() if v))
        spoilt[0]["shown"][name] += 11
        spoilt[1]["certificate"]["readers"][0]["tables"][0][0] += 1
        spoilt[2]["certificate"]["readers"][0]["tables"] = spoilt[2]["certificate"]["readers"][0]["tables"][
            :1
        ]
        spoilt[3]["certificate"]["readers"] = []
        spoilt[4]["certificate"]["readers"][0]["targets"] = []
        spoilt[4]["certificate"]["readers"][0]["reach"] = []
        spoilt[5]["certificate"]["readers"][0]["unknown"].pop()
        spoilt[6]["shown"][spoilt[6]["suppressed"][0]] = 3
        for one in spoilt:
            assert verify(one), "went unseen"
        assert verify({}) and verify(None)
        assert verify(result, read({**table, "threshold": 12}))


class TestSabotage:
    """Each step is needed: without it, a later one or the attacker objects."""

    def test_without_the_primary_rule_for_agencies_a_residual_shows(self, monkeypatch):
        table = TestAgencies().table()
        monkeypatch.setattr(pattern, "primary", lambda system: (system.values > 0) & (system.values < 11))
        shown = choose(read(table), seed=SEED).suppressed
        system = read(table)
        assert (primary(system) & system.published & ~shown).any()

    def test_without_pushes_the_certificate_is_refused(self, monkeypatch):
        for step in ("_push_all", "_start"):
            monkeypatch.setattr(pattern._Search, step, lambda self: None)
        monkeypatch.setattr(pattern._Search, "whole_numbers", pattern._Search.found)
        with pytest.raises(Refused):
            for number in range(10):
                run(invented.linked(np.random.default_rng([5, number])))

    def test_with_proofs_that_believe_everything_the_attacker_finds_holes(self, monkeypatch):
        nothing = np.array([], dtype=np.int64)
        monkeypatch.setattr(proofs.Proofs, "weak", lambda self, r: nothing)
        monkeypatch.setattr(pattern._Search, "_start", lambda self: None)
        open_ = sum(
            bool(holes(t, run(t)))
            for t in (invented.two_way(np.random.default_rng(n), 5, 5) for n in range(10))
        )
        assert open_

    def test_a_clean_up_that_keeps_nothing_is_caught(self, monkeypatch):
        def careless(self):
            self._suppressed &= self._targets

        monkeypatch.setattr(pattern._Search, "_clean_up", careless)
        monkeypatch.setattr(pattern._Search, "whole_numbers", pattern._Search.found)
        with pytest.raises(Refused):
            for number in range(10):
                run(invented.linked(np.random.default_rng([5, number])))

    def test_the_clean_up_saves_something(self, monkeypatch):
        systems = [
            read(invented.two_way(np.random.default_rng([5, number]), 8, 8, mean=40)) for number in range(15)
        ]
        clean = sum(choose(system, seed=SEED).cost for system in systems)
        monkeypatch.setattr(pattern._Search, "_clean_up", lambda self: None)
        assert clean < sum(choose(system, seed=SEED).cost for system in systems)

    def test_a_certificate_that_skips_its_readers_is_seen(self, monkeypatch):
        table = TestAgencies().table()
        monkeypatch.setattr(certificate, "readers", lambda system, targets: readers(system, targets)[:1])
        result = run(table)
        monkeypatch.setattr(certificate, "readers", rules.readers)
        assert verify(result, read(table)) == ["The certificate leaves a reader out."]


if __name__ == "__main__":
    small_counts = sum(check(number, strict=True) for number in range(1000))
    sys.stdout.write(f"1,000 strict tables, {small_counts} small counts: none exact, none narrow\n")


@pytest.mark.parametrize("number", range(3))
def test_every_pair_of_agencies_is_looked_at(number):
    """What is left out unlooked at gives no pair anything: all pairs one by one, each with all its bounds, agree."""
    rng = np.random.default_rng([16, number])
    table = invented.with_agencies(invented.linked(rng, (4, 3, 3)), rng, names=4)
    table |= {"threshold": 11, "width": 5}
    shown = protected(read(table), bytes(32)).shown
    public = {cell["id"]: cell["id"] for cell in table["cells"] if cell["id"] not in table["hidden"]}
    by = {cell["id"]: cell["by"] for cell in table["cells"]}
    names = sorted({name for parts in by.values() for name, n in parts.items() if n})
    wanted = {}
    for pair in itertools.combinations(names, 2):
        own = {cell: sum(parts.get(name, 0) for name in pair) for cell, parts in by.items()}
        least = {cell: max(n, int(cell in public)) for cell, n in own.items() if cell not in shown}
        bounds = attack(table, shown, own=least)
        read_ = {cell for cell, (low, high) in bounds.items() if cell in public and high - low < 5}
        read_ |= {
            cell for cell in shown
            if all(name in by[cell] for name in pair) and 0 < shown[cell] - own[cell] < 11
        }  # fmt: skip
        if read_:
            wanted[pair] = read_
    found, pairs = coalitions(table, shown, public, {name: name for name in names})
    assert pairs == len(names) * (len(names) - 1) // 2
    assert {one.agencies: set(one.cells) for one in found} == wanted
    assert wanted
