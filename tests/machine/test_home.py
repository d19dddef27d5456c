"""``~`` in a path: expanded as the shell does, told in one line where nobody knows what it means."""

import pwd
from pathlib import Path

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.machine.cache import cache_folder
from pcsa_jax.machine.home import user_path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home folder; the working directory is another, in which a folder is called ``~``."""
    (tmp_path / "cwd" / "~").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("given", "below"), [("~", ""), ("~/", ""), ("~/x", "x"), ("~//x/../y", "x/../y"), (Path("~/x"), "x"), ("~/~", "~")]
)
def test_the_home_folder(home, given, below):
    assert user_path(given) == home / below


@pytest.mark.parametrize("given", ["", ".", "x", "x/~", "./~", "./~/x", "/~", "a~"])
def test_everything_else_stays(home, given):
    assert user_path(given) == Path(given)


def test_another_user_s_home(home):
    user = pwd.getpwall()[0]
    assert user_path(f"~{user.pw_name}/x") == Path(user.pw_dir, "x")


def test_an_unknown_user_is_one_line(home):
    with pytest.raises(UserError) as caught:
        user_path("~no-such-user/x")
    assert str(caught.value) == (
        "~no-such-user/x: expected the name of a user of this machine after ~, found 'no-such-user'. Write the whole "
        "path, or ./~no-such-user/x for a file of that name."
    )


@pytest.mark.parametrize("value", ["", None])
def test_no_home_is_one_line(home, monkeypatch, value):
    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setenv("HOME", "") if value == "" else monkeypatch.delenv("HOME")
    with pytest.raises(UserError) as caught:
        user_path("~/x")
    assert str(caught.value) == ("~/x: expected a home folder for ~, found none. Set HOME, or write the whole path.")
    monkeypatch.delenv("PCSA_JAX_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(UserError, match="~/.cache: expected a home folder for ~, found none"):
        cache_folder()


@pytest.mark.parametrize(("name", "more"), [("PCSA_JAX_CACHE", ""), ("XDG_CACHE_HOME", "pcsa_jax")])
def test_the_cache_s_place_too(home, monkeypatch, name, more):
    monkeypatch.delenv("PCSA_JAX_CACHE", raising=False)
    monkeypatch.setenv(name, "~/mine")
    assert cache_folder() == home / "mine" / more
