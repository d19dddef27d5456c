"""Config files: by path and by name, and what is wrong with one in one line."""

import sys

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import flatten, parse_config
from pcsa_jax.experiment.config_files import config_names, find_config, load_config
from pcsa_jax.studies.classification.config import CLASSIFIER
from tests.conftest import ROOT

NAMES = ["classifier", "demo", "pcsa"]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder without ``configs/``, as the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(elsewhere):
    def write(text, name="mine.py"):
        (elsewhere / name).write_text(text)
        return name

    return write


def refusal(call, *arguments):
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_names_are_the_files_that_make_a_config():
    assert config_names() == NAMES  # comparison.py holds rows for pcsa.py and makes none


@pytest.mark.parametrize(("given", "row"), [("pcsa", None), ("pcsa:sa16", "sa16"), ("demo:", "")])
def test_a_name_is_found_from_any_folder(elsewhere, given, row):
    assert find_config(given) == (ROOT / "configs" / f"{given.partition(':')[0]}.py", row)


@pytest.mark.parametrize("words", [("demo",), ("demo:unet",), ("pcsa:sa16", "--config.batch_size=3")])
def test_a_name_means_what_its_file_means(elsewhere, words):
    given, *overrides = words
    name, colon, row = given.partition(":")
    assert flatten(parse_config([f"--config={given}", *overrides])) == flatten(
        parse_config([f"--config={ROOT / 'configs' / name}.py{colon}{row}", *overrides])
    )


def test_the_classifier_by_name(elsewhere):
    assert parse_config(["--config=classifier:demo"], CLASSIFIER).num_epochs == 8


def test_a_file_comes_before_a_name_and_a_folder_does_not(elsewhere):
    (elsewhere / "demo").mkdir()
    assert load_config("demo").data.size == 32
    (elsewhere / "pcsa").write_text(
        "from ml_collections import ConfigDict\ndef get_config():\n    return ConfigDict({'mine': 3})\n"
    )
    assert load_config("pcsa").mine == 3


def test_a_file_in_the_home_folder(write, elsewhere, monkeypatch):
    write("from ml_collections import ConfigDict\ndef get_config():\n    return ConfigDict({'mine': 3})\n")
    monkeypatch.setenv("HOME", str(elsewhere))
    assert find_config("~/mine.py:row") == (elsewhere / "mine.py", "row")
    assert load_config("~/mine.py").mine == 3


@pytest.mark.parametrize("given", ["none", "configs/pcsa.py", "comparison", "", ".", "pcsa.py:sa16", "../configs/pcsa"])
def test_neither_a_file_nor_a_name(elsewhere, given):
    assert refusal(load_config, given) == (
        f"--config: expected a config file or one of classifier, demo, pcsa, found {given.partition(':')[0]!r}. "
        "Try --config=pcsa."
    )


GET = "from ml_collections import ConfigDict\ndef get_config():\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nif x\n    y\n", "mine.py, line 2: SyntaxError: expected ':'. Correct the file."),
        ("def f():\nreturn 1\n", "mine.py, line 2: IndentationError: expected an indented block after function "),
        ("import such_a_module\n", "mine.py, line 1: ModuleNotFoundError: No module named 'such_a_module'. Correct"),
        (GET + "    return config\n", "mine.py, line 3: NameError: name 'config' is not defined. Correct the file."),
        (GET + "    return ConfigDict({'a': int('b')})\n", "mine.py, line 3: ValueError: invalid literal for int() "),
        (GET + "    c = ConfigDict().lock()\n    c.size = 3\n", 'mine.py, line 4: AttributeError: \'Key "size" '),
        (GET + "    raise ValueError('a line\\nand more')\n", "mine.py, line 3: ValueError: a line. Correct the file."),
        (GET + "    raise ValueError('size: expected 64, found 32.')\n", "size: expected 64, found 32."),
        (GET + "    raise RuntimeError\n", "mine.py, line 3: RuntimeError. Correct the file."),
        (GET + "    return {'a': 3}\n", "mine.py: expected get_config() to return a ConfigDict, found {'a': 3}."),
        (GET + "    pass\n", "mine.py: expected get_config() to return a ConfigDict, found None."),
        ("config = 3\n", "mine.py: expected a function get_config(), found none."),
    ],
)
def test_a_mistake_in_a_config_file_is_one_line(write, text, message):
    assert refusal(load_config, write(text)).startswith(f"--config: {message}")
    assert "pcsa_jax_config_file" not in sys.modules


def test_a_config_with_and_without_a_row(write):
    write(GET + "    return ConfigDict()\n")
    assert refusal(load_config, "mine.py:sa16") == (
        "--config: mine.py: expected no row, as its get_config() has it, found 'sa16'."
    )
    write("def get_config(row):\n    raise ValueError(f'row: expected a, found {row!r}')\n", "rows.py")
    assert refusal(load_config, "rows.py") == (
        "--config: rows.py: expected a row (FILE:ROW), as its get_config() has it, found none."
    )
    assert refusal(load_config, "rows.py:b") == "--config: row: expected a, found 'b'."


def test_a_config_file_may_hold_a_dataclass_and_have_any_ending(write):
    text = (
        "from __future__ import annotations\nimport dataclasses, typing\nfrom ml_collections import ConfigDict\n"
        "@dataclasses.dataclass\nclass Widths:\n    kind: typing.ClassVar[str] = 'w'\n    first: int = 3\n"
        "def get_config():\n    return ConfigDict(dataclasses.asdict(Widths()))\n"
    )
    assert load_config(write(text, "mine.config")).to_dict() == {"first": 3}


def test_ctrl_c_in_a_config_file_is_not_a_mistake(write):
    with pytest.raises(KeyboardInterrupt):
        load_config(write("raise KeyboardInterrupt\n"))


def test_the_parsed_config_is_locked_and_each_parse_makes_its_own():
    first, second = (parse_config(["--config=pcsa", f"--config.batch_size={size}"]) for size in (2, 4))
    assert (first.batch_size, second.batch_size) == (2, 4)
    with pytest.raises(AttributeError):
        first.batchsize = 3
    with pytest.raises(AttributeError):
        first.data.sise = 3
