"""Cards: what the situation declares is read from them, the rest is dropped by name and no value of it comes back."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import REFERENCE
from upheld.collection.card import read_card
from upheld.policy.compile import compile_policy
from upheld.policy.law import load_law

VCARD = """BEGIN:VCARD\r
VERSION:4.0\r
N:田中;花子;;;\r
FN:田中 花子\r
ORG:例示株式会社;営業部\r
TITLE:部長\r
item1.EMAIL;TYPE=work:hanako@exam\r
 ple.co.jp\r
TEL;VALUE=uri:tel:+81-3-1234-5678\r
ADR:;;例一丁目;港区;東京都;;日本\r
X-SOCIALPROFILE;TYPE=x:@hanako\r
NOTE:comma\\, and more\r
END:VCARD\r
"""


@pytest.fixture(scope="module")
def policy():
    return compile_policy(REFERENCE, load_law(), date(2026, 11, 22)).policy


@pytest.fixture(scope="module")
def card(policy):
    return policy.situations["card"]


def test_a_vcard_fills_what_is_declared_and_names_the_rest(policy, card):
    """Six fields are taken over, folded and grouped lines included; job title, address and note are only named."""
    read = read_card(policy, card, VCARD)
    assert read.values == {
        "name": "田中 花子", "company": "例示株式会社", "department": "営業部", "email": "hanako@example.co.jp",
        "phone": "+81-3-1234-5678", "social_name": "@hanako",
    }  # fmt: skip
    assert read.dropped == ("job_title", "address", "note")
    assert read.unread == 0


def test_the_same_card_in_another_situation_drops_other_lines(policy):
    """An interview declares the job title and no department: the situation decides, not the card."""
    read = read_card(policy, policy.situations["interview"], VCARD)
    assert read.values["job_title"] == "部長"
    assert "department" in read.dropped


def test_lines_are_read_by_label_in_either_language_or_by_their_form(policy, card):
    """`メールアドレス：` and `Company:` are known labels, a lone address or number is known by its form."""
    read = read_card(policy, card, "氏名：田中 花子\nCompany: 例示株式会社\nhanako@example.co.jp\n03-1234-5678\n役職: 部長\nhobby: go\n???")
    assert read.values["name"] == "田中 花子"
    assert read.values["email"] == "hanako@example.co.jp"
    assert read.values["phone"] == "03-1234-5678"
    assert read.dropped == ("job_title", "hobby")
    assert read.unread == 1


def test_an_old_phones_vcard_is_decoded(policy, card):
    """Quoted-printable lines of version 2.1 give the name as written; broken ones give nothing."""
    text = "BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E7=94=B0=E4=B8=AD\nEND:VCARD"
    assert read_card(policy, card, text).values == {"name": "田中"}


@given(st.text(max_size=300))
def test_any_text_gives_only_declared_fields(policy, card, text):
    """Whatever is pasted, nothing undeclared comes back with a value."""
    assert set(read_card(policy, card, text).values) <= set(card.fields)
    assert set(read_card(policy, card, f"BEGIN:VCARD\n{text}").values) <= set(card.fields)
