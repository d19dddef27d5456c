"""Pages have one style, stand alone, and escape what is put into them."""

import base64
import re

import jinja2
import pytest

from pcsa_jax.evaluation import report
from pcsa_jax.preprocessing import page
from pcsa_jax.presentation.html import TEMPLATES, data_uri, render
from pcsa_jax.synthesis import index
from pcsa_jax.synthesis import page as reading

CHILD = (
    '{% extends "page.html" %}{% block title %}{{ name }}{% endblock %}{% block body %}<p>{{ name }}</p>{% endblock %}'
)


@pytest.fixture
def template(tmp_path):
    (tmp_path / "child.html").write_text(CHILD, encoding="utf-8")
    return tmp_path / "child.html"


def test_a_page_has_the_shared_style_and_fetches_nothing(template):
    html = render(template, name="x")
    assert html.startswith("<!DOCTYPE html>")
    assert (TEMPLATES / "style.css").read_text(encoding="utf-8").strip() in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert not re.search(r"https?://|<script|<link|@import|url\(", html)


def test_names_are_escaped(template):
    html = render(template, name="<script>")
    assert html.count("&lt;script&gt;") == 2 and "<script" not in html


def test_a_value_that_is_missing_is_an_error(template):
    with pytest.raises(jinja2.UndefinedError, match="'name' is undefined"):
        render(template)


def test_a_picture_is_part_of_the_page():
    found = re.fullmatch("data:image/png;base64,(.*)", data_uri(b"\x89PNG\xff", "png"))
    assert base64.b64decode(found[1]) == b"\x89PNG\xff"


@pytest.mark.parametrize(
    "path", [report.TEMPLATE, page.TEMPLATE, reading.TEMPLATE, index.TEMPLATE], ids=lambda path: path.name
)
def test_pages_have_no_style_of_their_own_and_wide_tables_scroll(path):
    source = path.read_text(encoding="utf-8")
    assert source.startswith('{% extends "page.html" %}') and "<style" not in source and " style=" not in source
    tables = source.count("<table")
    assert tables and tables == len(re.findall(r'<div class="scroll[^"]*" tabindex="0"><table>', source))


def test_the_style_keeps_everything_within_the_page():
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    assert re.search(r"\.scroll \{[^}]*overflow-x: auto", style)
    assert re.search(r"figure img \{[^}]*max-width: 100%", style)


def test_pages_print_on_a4_and_cut_no_picture():
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    (margin,) = re.findall(r"@page \{ size: A4; margin: (\d+)mm; \}", style)
    printed = style.partition("@media print")[2]
    assert re.search(r"figure, tr, [^{]*\{ break-inside: avoid; \}", printed)
    heights = [int(height) for height in re.findall(r"figure[^{}]* img \{[^}]*max-height: (\d+)mm", printed)]
    assert heights and max(heights) + 30 <= 297 - 2 * int(margin), "a picture, its heading and its caption fit"
