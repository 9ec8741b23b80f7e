"""The command `./dev link-eval`: its figures, and a sentence for each file it can't use."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.crowd import Row, crowd
from referrals.linkage import evaluate
from referrals.linkage.evaluate import Refused, main, read

HEAD = "id,source,first,last,dob,ssn4,zip,person\n"
ROWS = "1,,Ann,Lee,19900315,1234,90210,a\n2,,ann,LEE,1990-03-15,1234,90210,a\n3,,Bo,Ray,19800401,,,b\n"


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding)
    return path


def dirty(path: Path, records: int, sources: tuple[str, ...] = ("",)) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        for at, row in enumerate(crowd(records, seed=11)):
            writer.writerow(row._replace(source=sources[at % len(sources)]))
    return path


def run(*arguments: str) -> int:
    return main(list(arguments))


def test_the_figures_are_those_of_the_issue(tmp_path):
    out = tmp_path / "out.json"
    assert run("--file", str(dirty(tmp_path / "a.csv", 3000)), "--json", str(out)) == 0
    found = json.loads(out.read_text())
    assert set(found) == {
        "records", "true_pairs", "auto", "with_review", "review_pairs", "clusters", "seconds",
    }  # fmt: skip
    assert set(found["auto"]) == set(found["with_review"]) == {"precision", "recall", "f1"}
    assert set(found["clusters"]) == {"precision", "recall", "max_size"}
    assert set(found["seconds"]) == {"read", "tokens", "join", "score", "cluster"}
    assert found["records"] == 3000
    assert found["auto"]["precision"] >= 0.98
    assert found["auto"]["recall"] >= 0.8
    assert found["clusters"]["precision"] >= 0.93
    assert found["clusters"]["max_size"] <= 60
    assert found["with_review"]["recall"] >= found["auto"]["recall"]


def test_it_runs_as_a_command_without_django(tmp_path):
    path = write(tmp_path / "a.csv", HEAD + ROWS)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, runpy; sys.argv[0] = 'x'; sys.modules['django'] = None;"
            "runpy.run_module('referrals.linkage.evaluate', run_name='__main__')",
            "--file",
            str(path),
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert json.loads(done.stdout)["true_pairs"] == 1, done.stderr


def test_with_two_sources_only_pairs_across_count(tmp_path):
    two = read(dirty(tmp_path / "a.csv", 600, ("A", "B")))
    one = read(dirty(tmp_path / "b.csv", 600))
    three = read(dirty(tmp_path / "c.csv", 600, ("A", "B", "C")))
    assert two.source is not None and one.source is None and three.source is None
    linked = evaluate.link(two.people, two.source)
    assert (two.source[linked.a] != two.source[linked.b]).all()
    clock = evaluate.Clock()
    assert evaluate.report(two, linked, clock)["true_pairs"] < evaluate._true_pairs(one)


def test_the_linker_never_sees_the_truth(tmp_path):
    """Shuffling who is who changes no pair, only the marks."""
    records = read(dirty(tmp_path / "a.csv", 800))
    before = evaluate.link(records.people)
    shuffled = evaluate.Records(records.people, None, np.random.default_rng(1).permutation(records.person))
    after = evaluate.link(shuffled.people)
    assert {*zip(before.a.tolist(), before.b.tolist(), strict=True)} == {
        *zip(after.a.tolist(), after.b.tolist(), strict=True)
    }
    assert before.groups == after.groups


def test_fields_left_out_are_not_looked_at(tmp_path):
    path = write(tmp_path / "a.csv", "id,first,last,dob,person\n1,Ann,Lee,19900315,a\n2,Ann,Lee,19900315,a\n")
    assert len(read(path, ("name", "dob")).people) == 2
    with pytest.raises(Refused, match="no column zip, ssn4"):
        read(path)


@pytest.mark.parametrize(
    "text", [HEAD + ROWS, (HEAD + ROWS).replace(",", ";"), (HEAD + ROWS).replace(",", "\t")]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_spreadsheets_write_is_read(tmp_path, text, encoding, line_end):
    path = tmp_path / "a.csv"
    path.write_bytes(text.replace("\n", line_end).encode(encoding))
    records = read(path)
    assert len(records.people) == 3
    assert records.people[0].birth == records.people[1].birth
    assert records.person.tolist() == [0, 0, 1]


@pytest.mark.parametrize("dob", ["never", "31.12.1990", "19901399", "1990", "99/99/9999"])
def test_a_wrong_date_is_an_unknown_one(tmp_path, dob):
    path = write(tmp_path / "a.csv", HEAD + f"1,,Ann,Lee,{dob},,,a\n")
    assert not read(path).people[0].birth.is_date


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (HEAD, "no records"),
        (HEAD + "\n,,,,,,,\n", "no records"),
        ("id,first\n1,Ann\n", "no column person, last, dob, zip, ssn4"),
        (HEAD.replace("zip", "dob"), "no column zip"),
        (HEAD.replace("\n", ",first\n"), "more than one column first"),
        (HEAD + ROWS + "1,,Di,Fox,19900101,,,c\n", "Line 5 has the id of an earlier line"),
        (HEAD + "1,,Ann\n", "Line 2 has 3 cells, the first line 8"),
        (HEAD + "1,,Ann,Lee,19900315,,,\n", "Line 2 has no person"),
        (HEAD + ",,Ann,Lee,19900315,,,a\n", "Line 2 has no id"),
        (HEAD + '1,,"' + "x" * 200_000 + '",Lee,19900315,,,a\n', "Line 2 is no CSV"),
    ],
    ids=lambda value: str(value)[:30].strip() if "\n" not in str(value) else None,
)
def test_a_file_that_can_t_be_used_is_refused_with_a_sentence(tmp_path, capsys, text, says):
    path = write(tmp_path / "a.csv", text)
    assert run("--file", str(path)) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.startswith("link-eval: ") and said.count("\n") == 1
    assert "Ann" not in said


def test_no_file_and_no_text_are_refused(tmp_path, capsys):
    assert run("--file", str(tmp_path / "none.csv")) == 2
    (tmp_path / "a.csv").write_bytes(b"id\xff\xfe")
    assert run("--file", str(tmp_path / "a.csv")) == 2
    assert "not UTF-8" in capsys.readouterr().err
    good = write(tmp_path / "b.csv", HEAD + ROWS)
    assert run("--file", str(good), "--json", str(tmp_path / "no" / "where.json")) == 2
    with pytest.raises(SystemExit):
        run("--file", str(good), "--fields", "name,phone")
    with pytest.raises(SystemExit):
        run("--file", str(good), "--fields", ",")


@pytest.mark.parametrize(
    "text", [HEAD + "1,,Ann,Lee,19900315,1234,90210,a\n", HEAD + "1,,,,,,,a\n2,,,,,,,a\n3,,Doe,,,,,b\n"]
)
def test_one_record_and_records_of_nothing_have_figures(tmp_path, capsys, text):
    assert run("--file", str(write(tmp_path / "a.csv", text))) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["auto"]["precision"] == 1
    assert found["clusters"]["max_size"] == 1
