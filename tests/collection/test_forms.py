"""Forms over HTTP: made from the situation, purposes before the button, nothing lost on the way."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.support import HANAKO, LENA, Site, copy_policy, edit

FIELDS = ("name", "email", "phone", "occupation", "job_title", "company")


class Marks(HTMLParser):
    """The data attributes, controls and buttons of a page in the order of the document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.marks: list[tuple[str, str]] = []
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.checked: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.marks += [(name, value or "") for name, value in attrs if name.startswith("data-")]
        if tag == "button" and found.get("type") == "submit":
            self.marks.append(("button", found.get("name") or "send"))
        if tag in {"input", "select", "textarea"} and found.get("name"):
            self.inputs[str(found["name"])] = found
            if "checked" in found:
                self.checked.append(str(found.get("value")))

    def of(self, name: str) -> list[str]:
        """Give the values of one mark."""
        return [value for mark, value in self.marks if mark == name]


def form(site: Site, situation: str, lang: str = "en") -> Marks:
    """Open the form."""
    answer = site.http.get(f"/forms/{situation}", params={"lang": lang})
    assert answer.status_code == 200, answer.text[:400]
    return Marks(answer.text)


def hidden(marks: Marks) -> dict[str, str]:
    """Give the hidden members of a form."""
    return {name: str(marks.inputs[name]["value"]) for name in ("_notice", "_key")}


def post(site: Site, situation: str, lang: str = "en", **members: Any) -> Any:
    """Send the form."""
    return site.http.post(f"/forms/{situation}", params={"lang": lang}, data=members)


@pytest.mark.row("M05")
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_m05_the_form_shows_its_purposes_above_the_button(site: Site, lang: str) -> None:
    """On the contact form exactly its three purposes stand, in order, before the first button, in both languages."""
    marks = form(site, "contact", lang)
    assert marks.of("data-purpose") == ["analyse", "marketing", "respond_and_market"]
    first = next(place for place, mark in enumerate(marks.marks) if mark[0] == "button")
    last = max(place for place, mark in enumerate(marks.marks) if mark[0] == "data-purpose")
    assert last < first
    assert marks.of("button")[0] == "send"


def test_both_languages_carry_the_same_form(site: Site) -> None:
    """Every form has the same marks in the same order in English and Japanese."""
    for name, situation in site.house.in_force().policy.situations.items():
        if situation.channel == "form":
            one, other = form(site, name, "en"), form(site, name, "ja")
            skipped = {"button"}
            assert [mark for mark in one.marks if mark[0] not in skipped] == [
                mark for mark in other.marks if mark[0] not in skipped
            ]
            assert list(one.inputs) == list(other.inputs)


@pytest.mark.row("M55")
def test_m55_countries_stand_before_the_button(site: Site) -> None:
    """The event form names Japan and the United States before the button, for its services reach both."""
    marks = form(site, "event")
    assert set(marks.of("data-country")) == {"JP", "US"}
    places = [place for place, mark in enumerate(marks.marks) if mark[0] == "data-country"]
    assert max(places) < next(place for place, mark in enumerate(marks.marks) if mark[0] == "button")


@pytest.mark.row("M43")
def test_m43_no_box_is_ticked_and_none_need_be(site: Site) -> None:
    """One unticked box per consent purpose; the form goes through with none ticked and with one."""
    for lang in ("en", "ja"):
        marks = form(site, "event", lang)
        assert marks.of("data-consent") == ["announce"]
        assert marks.checked == []
    none = post(site, "event", **hidden(form(site, "event")), **HANAKO.some(*FIELDS), _country="JP")
    assert none.status_code == 303
    ticked = post(
        site, "event", **hidden(form(site, "event")), **LENA.some(*FIELDS), _country="DE", _consent="announce"
    )
    assert ticked.status_code == 303
    receipt = site.http.get(ticked.headers["location"], headers={"accept": "text/html"})
    assert receipt.status_code == 200
    assert Marks(receipt.text).of("data-state") == ["stated", "given"]
    assert Marks(receipt.text).of("data-field") == ["name", "email", "company", "phone", "occupation", "job_title"]


def test_nothing_is_preset(site: Site) -> None:
    """A fresh form holds no value, no chosen country, and asks for the country before the fields."""
    marks = form(site, "event")
    assert [marks.inputs[name].get("value") for name in ("name", "email", "phone")] == ["", "", ""]
    assert next(iter(marks.inputs)) == "_country"
    assert 'selected' not in site.http.get("/forms/event").text
    assert marks.inputs["email"]["type"] == "email"
    assert marks.inputs["phone"]["type"] == "tel"


def test_errors_are_told_and_values_kept(site: Site) -> None:
    """A form with mistakes comes back with 422, a summary that leads to each entry, and everything that was entered."""
    before = site.counts()
    sent = {**hidden(form(site, "event")), "name": "田中 花子", "email": "hanako", "_consent": "announce"}
    answer = post(site, "event", **sent, _country="JP")
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert re.search(r'href="#f-email"', answer.text)
    assert re.search(r'href="#f-company"', answer.text)
    marks = Marks(answer.text)
    assert marks.inputs["name"]["value"] == "田中 花子"
    assert marks.inputs["email"]["aria-invalid"] == "true"
    assert marks.checked == ["announce"]
    assert '<option value="JP" selected>' in answer.text
    assert site.counts() == before
    assert "入力エラー" in post(site, "event", "ja", **sent).text


def test_an_undeclared_member_stores_nothing(site: Site) -> None:
    """A member that the situation does not declare refuses the whole form."""
    before = site.counts()
    sent = {**hidden(form(site, "event")), **HANAKO.some(*FIELDS), "department": "営業部"}
    assert post(site, "event", **sent).status_code == 422
    assert site.counts() == before


def test_switching_the_language_keeps_what_was_entered(site: Site) -> None:
    """The language button answers in the other language with the values, and stores nothing."""
    before = site.counts()
    answer = post(site, "event", "en", name="Lena Fischer", _country="DE", _consent="announce", _lang="ja")
    assert answer.status_code == 200
    assert '<html lang="ja">' in answer.text
    marks = Marks(answer.text)
    assert marks.inputs["name"]["value"] == "Lena Fischer"
    assert marks.checked == ["announce"]
    assert site.counts() == before
    done = post(site, "event", "ja", **hidden(marks), **LENA.some(*FIELDS))
    assert done.status_code == 303


def test_a_form_sent_twice_is_stored_once(site: Site) -> None:
    """Sending the same page twice leads to the same receipt."""
    sent = {**hidden(form(site, "event")), **HANAKO.some(*FIELDS)}
    first, second = post(site, "event", **sent), post(site, "event", **sent)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] == second.headers["location"]


def test_a_career_is_entered_item_by_item(site: Site) -> None:
    """The application form offers the listed items; rows left empty are not stored."""
    marks = form(site, "candidate")
    assert marks.of("data-item")[:5] == ["employer", "role", "from", "to", "duties"]
    sent = {
        **hidden(marks),
        "name": "鈴木 健司",
        "email": "kenji@example.jp",
        "_subtype": "internship",
        "work_history.0.employer": "例示商事",
        "work_history.1.employer": "",
    }
    assert post(site, "candidate", **sent).status_code == 303
    with site.house.store.read() as tx:
        (record,) = site.house.vault.iter_records(tx, [("candidate", "1")])
        assert site.house.vault.open_fields(tx, record)["work_history"] == [{"employer": "例示商事"}]
        assert (record.subtype, record.shred_class) == ("internship", "candidate")
        assert record.relation is not None
    wrong = {**hidden(form(site, "candidate")), **sent, "work_history.0.salary": "600"}
    assert post(site, "candidate", **wrong).status_code == 422


def test_what_happens_offline_has_no_form(site: Site) -> None:
    """Situations met by staff or by the browser itself, and unknown ones, answer 404."""
    for name in ("interview", "card", "browsing", "survey"):
        assert site.http.get(f"/forms/{name}").status_code == 404
        assert post(site, name, name="x").status_code == 404


def test_another_site_cannot_send_the_form(site: Site) -> None:
    """A form posted by another site's page is refused."""
    sent = {**hidden(form(site, "event")), **HANAKO.some(*FIELDS)}
    answer = site.http.post("/forms/event", data=sent, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.row("M04")
def test_m04_a_stale_form_comes_back_with_what_changed(tmp_path: Path) -> None:
    """When a version comes into force while someone writes, the form returns with 409, what changed, the values, and
    the ticks of changed purposes cleared; sent again it is stored under the new version."""
    with Site() as site:
        marks = form(site, "event", "ja")
        v2 = copy_policy(tmp_path / "v2")
        edit(v2, "00-policy.yaml", 'version: "1"', 'version: "2"')
        edit(v2, "05-services.yaml", "storage: [JP, US]", "storage: [US]")
        edit(v2, "05-services.yaml", "    purposes: [analyse, announce, marketing]", "    purposes: [analyse, marketing]")
        site.publish(v2)
        before = site.counts()
        sent = {**hidden(marks), **HANAKO.some(*FIELDS), "_consent": "announce"}
        answer = post(site, "event", "ja", **sent)
        assert answer.status_code == 409
        assert 'id="stale"' in answer.text
        again = Marks(answer.text)
        assert again.inputs["name"]["value"] == HANAKO.fields["name"]
        assert again.checked == []
        assert answer.headers["upheld-policy"].startswith("2; ")
        assert site.counts() == before
        done = post(site, "event", "ja", **{**sent, **hidden(again)})
        assert done.status_code == 303
        assert 'data-policy-version="2"' in site.http.get(done.headers["location"], headers={"accept": "text/html"}).text


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_the_form_and_its_receipt_pass_in_a_real_browser(site: Site, page: Any, check_page: Any, width: int) -> None:
    """The form, its errors and the receipt have no finding of axe, no blocked script and no sideways scroll."""
    for lang in ("ja", "en"):
        check_page(page, f"{site.url}/forms/candidate?lang={lang}", width)
        check_page(page, f"{site.url}/forms/event?lang={lang}", width)
    done = post(site, "event", **hidden(form(site, "event")), **LENA.some(*FIELDS), _consent="announce")
    check_page(page, site.url + done.headers["location"], width)


@pytest.mark.browser
def test_a_person_without_scripts_signs_up_and_withdraws(site: Site, browser: Any) -> None:
    """With scripts off: fill in, tick, send, read the receipt, withdraw."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(f"{site.url}/forms/white_paper?lang=en")
    page.select_option("select[name=_country]", "GB")
    for name, value in (("name", "Ada Example"), ("email", "ada@example.com"), ("company", "Example Ltd")):
        page.fill(f"input[name={name}]", value)
    page.check("input[name=_consent]")
    page.click("form button.main")
    assert "/consent/receipts/" in page.url
    assert page.locator('[data-purpose=announce]').get_attribute("data-state") == "given"
    page.click("form[data-consent=announce] button")
    assert page.locator('[data-purpose=announce]').get_attribute("data-state") == "withdrawn"
    context.close()
