"""Who sits at the console: the session of a member of staff, for every door below `/console`."""

from __future__ import annotations

from upheld.notice import House
from upheld.security import staff
from upheld.web.headers import keep_private
from upheld.web.pages import AnyRequest
from upheld.web.refusals import Refusal

COOKIE = "upheld_staff"


def signed_in(house: House, request: AnyRequest) -> int:
    """Give the staff number of the session, and keep the answer out of every cache; raises Refusal `not_signed_in`.

    Clause: security.technical.access (APPI 23)
    """
    keep_private(request.scope)
    number = staff.session(house, request.cookies.get(COOKIE))
    if number is None:
        raise Refusal("not_signed_in", "security.technical.access")
    return number
