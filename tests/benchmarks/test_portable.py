"""The table of StableHLO files is that of the kept figures, and a file that differs is seen."""

import json

import numpy as np
import pytest

from benchmarks import portable
from benchmarks.results import RESULTS
from pcsa_jax.errors import UserError
from tests.conftest import ROOT


def test_the_page_has_the_kept_figures():
    kept = json.loads((RESULTS / "portable.json").read_text())
    assert portable.table(kept["rows"]) in (ROOT / "docs" / "publishing.md").read_text()
    assert {row["row"] for row in kept["rows"]} == set(portable.read_rows("configs/demo.py"))
    assert {row["largest_difference"] for row in kept["rows"]} == {0.0}
    assert min(row["std_of_pet"] for row in kept["rows"]) > 0.01
    assert kept["environment"]["packages"]["jax"]


def test_a_row_is_measured(tmp_path, monkeypatch, tiny_words):
    words = tiny_words({"data.root": ""})[1:]
    monkeypatch.setattr(portable, "parse_config", lambda given, parse=portable.parse_config: parse([*given, *words]))
    found = portable.measure(str(ROOT / "configs" / "pcsa.py"), "best")
    assert found["largest_difference"] == 0 and found["size"] == 16 and found["std_of_pet"] > 0
    monkeypatch.setattr(portable, "with_prior", lambda *given, of=portable.with_prior: wrong(of(*given)))
    with pytest.raises(UserError, match="best: expected the generator's PET"):
        portable.measure(str(ROOT / "configs" / "pcsa.py"), "best")


def wrong(tensors):
    return {name: np.asarray(array) * (2 if array.dtype == np.float32 else 1) for name, array in tensors.items()}
