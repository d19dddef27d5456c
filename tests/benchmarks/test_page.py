"""Tables, results and the committed page."""

import json

import pytest

from benchmarks import page
from benchmarks.results import Row, Spread, exact, read_results, write_section
from benchmarks.table import markdown

STEP = Row(
    "step", "s", Spread.of([1.0, 2.0, 1.5]), {"a": Spread.of([3.0, 2.0]), "b": exact(2.0)}, target=0.7, note="noisy"
)


def test_the_best_peer_is_the_one_with_the_smallest_median():
    assert STEP.best == "b"
    assert STEP.ratio == 0.75
    assert STEP.is_met is False
    assert STEP._replace(target=0.75).is_met is True
    assert STEP._replace(target=1.5, of="ours").is_met is True
    assert STEP._replace(ours=None).is_met is None


def test_a_table_leaves_out_empty_columns_and_keeps_notes():
    text = markdown([STEP, Row("other", "GB", None)])
    assert "| step | 1.5 s (1-2) | b 2 s | a 2.5 s | 0.75 | <= 0.7 | **no** |" in text
    assert "| other | *not measured* |" in text
    assert text.endswith("* step: noisy")
    assert markdown([Row("fast", "s", exact(0.0123))]).splitlines() == [
        "| what | ours |",
        "| --- | --- |",
        "| fast | 12.3 ms |",
    ]


def test_sections_are_kept_beside_each_other(tmp_path):
    path = tmp_path / "results.json"
    write_section(path, "one", "python -m benchmarks one", [STEP])
    write_section(path, "two", "python -m benchmarks two", [], {"cells": {}}, machine={"gpu": "G"})
    found = read_results(path)
    assert Row.from_json(found["one"]["rows"][0]) == STEP
    assert found["one"]["rows"][0]["ratio"] == 0.75
    assert found["two"]["machine"]["gpu"] == "G"
    assert found["two"]["machine"]["cores"] >= 1
    assert json.loads(path.read_text())["two"]["extra"] == {"cells": {}}


def test_the_committed_page_shows_the_committed_figures():
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.rendered(text) == text, "run python -m benchmarks page"


def test_a_page_without_a_place_for_a_table_is_refused():
    with pytest.raises(ValueError, match="expected one place for the table 'networks', found 0"):
        page.rendered("nothing")


def test_evaluation_and_curve_become_tables():
    summary = {"n_subjects": 3, "predictors": {"model": {"mae": {"mean": 0.1, "std": None}}}}
    assert "| model | - | - | - | 0.1000 | - | - |" in page._scores(summary)
    curve = [{"epoch": 10, "validation/mae_brain": 0.05}]
    assert page._curve(curve).splitlines()[-1] == "| 10 | 0.05 |"
