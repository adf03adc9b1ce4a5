"""Finding people: the same address is the same person, a shared telephone is not."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.records import IdentifierSharedError, normal_form


@pytest.mark.parametrize(
    ("kind", "value", "region", "form"),
    [
        ("email", " Hanako@Example.CO.jp ", None, "hanako@example.co.jp"),
        ("email", "ｈａｎａｋｏ＠ｅｘａｍｐｌｅ．ｊｐ", None, "hanako@example.jp"),
        ("email", "a.b+c@BÜCHER.example", None, "a.b+c@xn--bcher-kva.example"),
        ("email", "no address", None, None),
        ("email", "a@b@", None, None),
        ("email", "a b@example.com", None, None),
        ("phone", "03-1234-5678", "JP", "+81312345678"),
        ("phone", "０３ー１２３４ー５６７８", "JP", "+81312345678"),
        ("phone", "+49 30 1234567", None, "+49301234567"),
        ("phone", "03-1234-5678", None, None),
        ("phone", "call me", "JP", None),
        ("social", "X:@Hanako_T", None, "x|hanako_t"),
        ("social", "hanako", None, None),
        ("visitor", "c-7f3a", None, "c-7f3a"),
        ("visitor", "", None, None),
        ("salesforce", " 003Ab ", None, "003Ab"),
    ],
)
def test_spellings_of_one_identifier_have_one_form(kind, value, region, form):
    """Width, case, blanks and punctuation do not make another person; nonsense has no form."""
    assert normal_form(kind, value, region) == form


@given(st.sampled_from(["email", "social", "salesforce"]), st.text(max_size=30))
def test_a_normal_form_is_its_own_normal_form(kind, value):
    """Normalising twice changes nothing, and no text makes it fail."""
    form = normal_form(kind, value)
    if form is not None and kind != "social":
        assert normal_form(kind, form) == form


def test_a_kind_is_a_short_word():
    """Anything else is a programming error."""
    with pytest.raises(ValueError):
        normal_form("E-Mail address", "x")


def test_one_address_is_one_person(house, hanako):
    """However the address is spelled, the same subject is found; an unknown one finds nobody."""
    subject, _ = house.collect(hanako)
    again, _ = house.collect({"email": "HANAKO@example.co.jp "}, situation="materials")
    assert subject == again == house.vault.find("email", "Hanako@EXAMPLE.co.jp")
    assert house.vault.find("email", "other@example.co.jp") is None
    assert house.vault.find("email", "not an address") is None


def test_a_shared_telephone_does_not_join_people(house, hanako):
    """Two people behind one switchboard stay two; asked for the number alone the vault does not choose."""
    one, _ = house.collect(hanako)
    assert house.vault.find("phone", "03-1234-5678", region="JP") == one
    alone, _ = house.collect({"phone": "+81312345678"})
    assert alone == one
    two, _ = house.collect({"email": "kenji@example.jp", "phone": "+81312345678"})
    assert one != two
    assert set(house.vault.find_all("phone", "+81312345678")) == {one, two}
    with pytest.raises(IdentifierSharedError):
        house.vault.find("phone", "+81312345678")
    third, _ = house.collect({"phone": "+81312345678"})
    assert third not in {one, two}


def test_an_address_taken_by_another_stays_theirs(house):
    """The first identifier decides; a second one that belongs to somebody else is not moved."""
    one = house.vault.subject_for({"email": "a@example.com"})
    two = house.vault.subject_for({"user_id": "u-2"})
    assert house.vault.subject_for({"email": "a@example.com", "user_id": "u-2"}) == one
    assert house.vault.find("user_id", "u-2") == two
    house.vault.index_more(one, {"user_id": "u-3", "email": "b@example.com"})
    assert house.vault.find("user_id", "u-3") == house.vault.find("email", "b@example.com") == one


def test_somebody_without_identifier_is_a_new_person_each_time(house):
    """A record with a name alone is held but never joined to another."""
    assert house.vault.subject_for({}) != house.vault.subject_for({})


def test_threads_that_meet_one_person_make_one_subject(house):
    """Ten forms of one new person sent at once make one subject."""
    found, ready = [], threading.Barrier(10)

    def meet():
        ready.wait()
        found.append(house.vault.subject_for({"email": "hanako@example.co.jp"}, classes=["marketing"]))

    threads = [threading.Thread(target=meet) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    assert len(set(found)) == 1


MEETING = """
import sys
from pathlib import Path
from upheld.db import Ids, SystemClock
from upheld.records import open_holdings
held = open_holdings(Path(sys.argv[1]), SystemClock(), Ids(SystemClock()))
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for number in range(15):
    print(held.vault.subject_for({"email": f"p{number}@example.com", "phone": f"+8131234{number:04}"}).hex())
held.close()
"""


def test_processes_that_meet_the_same_people_make_one_subject_each(house):
    """Three processes that take the same fifteen new people at once end with fifteen subjects."""
    argv = [sys.executable, "-c", MEETING, str(house.folder)]
    running = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for one in running:
        assert one.stdout.readline() == "ready\n"
    for one in running:
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=60)[0].split() for one in running]
    assert told[0] == told[1] == told[2]
    assert len(set(told[0])) == 15
