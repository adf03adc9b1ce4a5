"""The policy as a document: A4, tagged, titled, every font inside, every figure readable."""

from __future__ import annotations

import re
import subprocess

import pytest

from upheld.notice import pdf
from upheld.policy import render
from upheld.policy.law import load_law

ODD = "髙﨑𠮷㍿①"


@pytest.fixture(scope="module")
def documents(asked, tmp_path_factory):
    root = tmp_path_factory.mktemp("pdf")
    found = {}
    for lang in ("en", "ja"):
        answer = asked(f"/privacy/{lang}.pdf")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/pdf"
        assert f'filename="privacy-1-{lang}.pdf"' in answer.headers["content-disposition"]
        found[lang] = root / f"{lang}.pdf"
        found[lang].write_bytes(answer.content)
    return found


def told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize(("lang", "title"), [("en", "Privacy Policy"), ("ja", "プライバシーポリシー")])
def test_the_document_is_titled_tagged_and_a4(documents, lang, title) -> None:
    """Title and tags help whoever listens to it; the paper is A4; the language is named inside."""
    info = told("pdfinfo", str(documents[lang]))
    assert re.search(rf"Title:\s+{title}", info)
    assert re.search(r"Tagged:\s+yes", info)
    assert "(A4)" in info
    assert f"({lang}".encode() in documents[lang].read_bytes() or lang in told(
        "pdfinfo", "-meta", str(documents[lang])
    )


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_font_is_inside(documents, lang) -> None:
    """The document looks the same on a machine without the fonts."""
    lines = told("pdffonts", str(documents[lang])).splitlines()[2:]
    assert lines
    assert all(re.search(r"\s(yes|no) (yes|no) (yes|no)\s", line).group(1) == "yes" for line in lines)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_document_says_what_the_page_says(documents, published, lang) -> None:
    """Every purpose, service, right and contact item of the page can be read out of the document."""
    policy = published.shelf.version("1").policy
    said = squeezed(told("pdftotext", "-enc", "UTF-8", "-raw", str(documents[lang]), "-"))
    for purpose in policy.purposes.values():
        assert squeezed(purpose.text[lang])[:12] in said
    for service in policy.services.values():
        assert squeezed(service.service) in said
    assert squeezed(policy.contact.address[lang]) in said
    assert policy.contact.mailbox in said
    assert "1,100" in said
    assert {"en": "22November2026", "ja": "2026年11月22日"}[lang] in said


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_no_page_of_the_document_is_empty(documents, lang) -> None:
    """Each page holds text beside its foot."""
    count = int(re.search(r"Pages:\s+(\d+)", told("pdfinfo", str(documents[lang]))).group(1))
    for number in range(1, count + 1):
        text = told("pdftotext", "-f", str(number), "-l", str(number), str(documents[lang]), "-")
        assert len(squeezed(text)) > 200, f"page {number}"


def test_the_same_version_gives_the_same_bytes(published) -> None:
    """A document can be compared by its bytes."""
    one = published.shelf.version("1")
    view = render.page(one.policy, "ja", load_law(), one.effective_from.date())
    made = [pdf.policy_pdf(view, "2026年11月22日から", one.effective_from.date()) for _ in range(2)]
    assert made[0] == made[1]


def test_data_are_printed_and_never_run(published, tmp_path) -> None:
    """A title that looks like code of the document is printed as it stands, rare characters come back."""
    from dataclasses import replace

    one = published.shelf.version("1")
    view = render.page(one.policy, "ja", load_law(), one.effective_from.date())
    view = replace(
        view, controller=f'#panic("ran") {ODD} $x$ *b* @a \\ "', cards=(), sections=view.sections[:1]
    )
    file = tmp_path / "odd.pdf"
    file.write_bytes(pdf.policy_pdf(view, "x", one.effective_from.date()))
    said = squeezed(told("pdftotext", "-enc", "UTF-8", "-raw", str(file), "-"))
    assert '#panic("ran")' in said
    assert ODD in said


def test_a_missing_font_is_named_with_its_package(published) -> None:
    """Without a Japanese font no document with boxes is made; the error says what to install."""
    one = published.shelf.version("1")
    view = render.page(one.policy, "ja", load_law(), one.effective_from.date())
    with pytest.raises(pdf.FontMissingError, match="fonts-noto-cjk") as failed:
        pdf.policy_pdf(view, "x", one.effective_from.date(), known=frozenset({"DejaVu Sans"}))
    assert failed.value.diagnostic.code == "font_missing"
    assert pdf.font_for("en", frozenset({"DejaVu Sans"})) == "DejaVu Sans"


def test_without_the_extra_there_is_no_document(asked, read, monkeypatch) -> None:
    """Where nothing can draw documents, none is offered and none is promised."""
    monkeypatch.setattr(pdf, "available", lambda: False)
    assert asked("/privacy/en.pdf").status_code == 404
