"""The kit's parts: entries made from the policy's fields, templates that cannot be half filled, small files."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from upheld.policy.model import Field
from upheld.web.assets import Assets
from upheld.web.forms import Entry, entry_for, faults_of
from upheld.web.pages import Pages

WEB = Path(__file__).parents[2] / "src" / "upheld" / "web"


def datum(name: str, kind: str = "personal", form: str | None = None, length: int = 200) -> Field:
    text = {"en": name.replace("_", " "), "ja": "項目"}
    return Field(name, text, kind, (), form, length, (), None)


def test_entries_follow_the_fields_of_the_policy() -> None:
    """A field's kind decides the control, the keyboard and what the browser may fill in."""
    email = entry_for(datum("email", form="email"), "en", required=True)
    assert (email.kind, email.autocomplete, email.inputmode, email.required) == ("email", "email", "email", True)
    phone = entry_for(datum("phone", form="phone"), "ja", required=False, value="+81312345678")
    assert (phone.kind, phone.autocomplete, phone.label, phone.value) == ("tel", "tel", "項目", "+81312345678")
    inquiry = entry_for(datum("inquiry", "free_text", length=4000), "ja", required=True)
    assert inquiry.kind == "area"
    assert "配慮" in inquiry.hint
    assert email.attrs == {"data-field": "email"}


def test_the_summary_leads_to_each_error() -> None:
    """Errors are listed in the order of the form, and a group of choices is reached at its first one."""
    entries = [Entry("a", "A", error="wrong a"), Entry("b", "B"), Entry("c", "C", "radio", error="wrong c")]
    assert [(fault.target, fault.text) for fault in faults_of(entries)] == [("f-a", "wrong a"), ("f-c-1", "wrong c")]


def test_a_template_without_its_values_fails(pages: Pages) -> None:
    """A missing value is an error, never an empty place on a page."""
    with pytest.raises(UndefinedError):
        pages.text("problems.html", "en")


def test_values_are_escaped(pages: Pages) -> None:
    """What comes from a folder or a form stands on a page as text."""
    made = pages.environment.from_string("{% import 'kit.html' as kit with context %}{{ kit.field(e) }}")
    from upheld.web.words import words

    html = made.render(e=Entry("x", "<b>", value='"><script>'), w=words("en"), lang="en", frame=pages.frame())
    assert "<script>" not in html
    assert "&lt;b&gt;" in html


def test_the_stylesheet_and_the_script_stay_small() -> None:
    """The stylesheet is at most 6 KB and the script at most 1.5 KB as they are sent, and neither loads anything."""
    assets = Assets()
    assert assets.packed_size("app.css") <= 6 * 1024
    assert assets.packed_size("enhance.js") <= 1536
    css = (WEB / "static" / "app.css").read_text("utf-8")
    assert "@import" not in css
    assert "url(" not in css
    assert not any(word in css for word in ("transition:", "animation:", "scroll-behavior:"))  # nothing moves
    script = (WEB / "static" / "enhance.js").read_text("utf-8")
    assert not any(word in script for word in ("innerHTML", "eval(", "Function(", "http:", "https:", "insertAdjacent"))


def test_every_page_of_the_kit_has_a_language_and_macros_cover_the_form_kinds(pages: Pages) -> None:
    """Each kind of entry is drawn with its label bound to its control."""
    from upheld.web.forms import Option
    from upheld.web.words import words

    made = pages.environment.from_string("{% import 'kit.html' as kit with context %}{{ kit.field(e) }}")
    for kind in ("text", "email", "tel", "date", "code", "area", "select", "radio", "check", "checks"):
        entry = Entry("n", "Label", kind, options=(Option("1", "one"),))
        html = made.render(e=entry, w=words("ja"), lang="ja", frame=pages.frame())
        assert f'id="{entry.target}"' in html
        assert f'for="{entry.target}"' in html
