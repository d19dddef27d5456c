"""Names on Markdown pages are plain text."""

import pytest

from pcsa_jax.presentation.markdown import markdown_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ADNI, 2 x 3_mm (a.b)", "ADNI, 2 x 3_mm (a.b)"),
        ("<script>x</script>", r"\<script>x\</script>"),
        ("[a](http://b) **c** `d` | e & \\", r"\[a\](http://b) \*\*c\*\* \`d\` \| e \& \\"),
        ("a\n# b\x1b", r"a\\n# b\\x1b"),
        (None, "None"),
    ],
)
def test_a_name_is_no_markup(text, shown):
    assert markdown_text(text) == shown
