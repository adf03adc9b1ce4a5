"""The shell over HTTP: headers, problems, limits, languages, caches, health."""

import gzip
import json
import logging
import re

import httpx
import pytest

JSON = {"content-type": "application/json"}
HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def web(specimen: str) -> httpx.Client:
    return httpx.Client(base_url=specimen)


@pytest.mark.parametrize("path", ["/specimen", "/done", "/nowhere", "/break", "/openapi.json", "/livez", "/api/v1/x"])
def test_every_response_carries_the_strict_headers(web: httpx.Client, path: str) -> None:
    """Pages, errors, data: each has the strict policy, names the version in force and sets no cookie."""
    headers = web.get(path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["upheld-policy"] == "7; sha256=3f9c"
    assert "set-cookie" not in headers


def test_pages_have_nothing_inline(web: httpx.Client) -> None:
    """No page needs more than the strict policy allows: no inline style, script or handler, no data address."""
    html = web.get("/specimen", headers=HTML).text
    assert not re.search(r"""<style|\sstyle=|\son\w+=|javascript:|["'(]data:""", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_forms_may_be_embedded_by_named_sites_only(web: httpx.Client) -> None:
    """A page that allows it can be embedded by the policy's sites, reduced to their origins."""
    ancestors = web.get("/framed").headers["content-security-policy"].rpartition("frame-ancestors ")[2]
    assert ancestors == "https://www.example.com https://shop.example.com:8443"


def test_an_old_version_speaks_for_itself(web: httpx.Client) -> None:
    """A page of version 1 names version 1 in header and body, though another one is in force."""
    page = web.get("/old")
    assert page.headers["upheld-policy"] == "1; sha256=aaaa"
    assert 'data-policy-version="1"' in page.text
    assert "第1版" in page.text


def test_the_language_is_negotiated_and_said(web: httpx.Client) -> None:
    """A page answers in the language asked for, says which, and tells caches what it depended on."""
    page = web.get("/specimen", headers={"accept-language": "ja,en;q=0.5"})
    assert page.headers["content-language"] == "ja"
    assert page.headers["vary"] == "Accept-Language, Cookie"
    assert '<html lang="ja">' in page.text
    asked = web.get("/specimen?lang=en&page=2", headers={"accept-language": "ja"})
    assert asked.headers["content-language"] == "en"
    assert "vary" not in asked.headers
    assert 'rel="alternate" hreflang="ja" href="/specimen?page=2&amp;lang=ja"' in asked.text


def test_the_foot_names_the_version(web: httpx.Client) -> None:
    """Each page says which version is in force since when, in the policy's own zone, and links to the rights."""
    html = web.get("/specimen?lang=en").text
    assert "version 7, in force since" in html
    assert '<time datetime="2026-11-22">22 November 2026</time>' in html
    foot = html.partition("<footer")[2]
    for address in ("/privacy/en", "/rights?lang=en", "/privacy/en#contact"):
        assert f'href="{address}"' in foot


def test_a_program_gets_problem_details(web: httpx.Client) -> None:
    """A refused call answers RFC 9457 in the caller's language and under the version it was judged by."""
    answer = web.post("/api/v1/refuse", headers={"accept-language": "ja"})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "ja"
    said = answer.json()
    assert said["code"] == "purpose_not_declared"
    assert said["policy_version"] == "6"
    assert said["title"] == "記載のない利用目的"
    assert said["clause_url"] == "/privacy/ja#collection.event"


def test_a_person_gets_a_page(web: httpx.Client) -> None:
    """A browser is told the same on a page with a heading, a next step and a way on."""
    page = web.get("/nowhere?lang=en", headers=HTML)
    assert page.status_code == 404
    assert "<h1>Page not found</h1>" in page.text
    assert 'href="/problems/not_found?lang=en"' in page.text
    assert web.get("/nowhere", headers={"accept": "application/json"}).json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b'{"subject":"a","purpose":"b","subject":"c"}', JSON, 400, "member_twice"),
        (b'{"subject":"a","purpose":"b","more":1}', JSON, 422, "member_unknown"),
        (b'{"subject":"a","purpose":"b","limit":"1"}', JSON, 422, "value_invalid"),
        (b'{"subject":"a"}', JSON, 422, "value_invalid"),
        (b'{"subject":"a","purpose":"b","inner":{"day":"22.11."}}', JSON, 422, "value_invalid"),
        (b'{"subject":"a","purpose":"b","deep":' + b"[" * 16 + b"]" * 16 + b"}", JSON, 400, "too_deep"),
        (b"subject=a", {"content-type": "application/x-www-form-urlencoded"}, 415, "media_type"),
        (b"{}", {"content-type": "text/plain"}, 415, "media_type"),
        (b" " * 65_537, JSON, 413, "too_large"),
        (b"", JSON, 400, "malformed"),
        (b"", {}, 422, "value_invalid"),
    ],
)
def test_bodies_are_taken_strictly(
    web: httpx.Client, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """Unknown members, doubles, depth, size and other media types are refused with their code."""
    answer = web.post("/api/v1/ask", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_right_call_is_answered(web: httpx.Client) -> None:
    """A body of the declared shape reaches its handler."""
    answer = web.post("/api/v1/ask", json={"subject": "a", "purpose": "b", "limit": 3})
    assert (answer.status_code, answer.json()) == (200, {"subject": "a", "limit": 3})


def test_a_wrong_method_names_the_right_ones(web: httpx.Client) -> None:
    """405 carries Allow."""
    answer = web.get("/api/v1/ask")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


def test_a_wrong_parameter_is_named_not_repeated(web: httpx.Client) -> None:
    """A query value that does not fit is refused by its name, and the value appears nowhere."""
    answer = web.get("/api/v1/page?limit=hanako@example.co.jp")
    assert (answer.status_code, answer.json()["fields"]) == (422, ["limit"])
    assert "hanako" not in answer.text


def test_busy_says_when_to_come_back(web: httpx.Client) -> None:
    """503 busy carries Retry-After."""
    answer = web.post("/api/v1/refuse?code=busy")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_fault_of_ours_tells_no_one_anything(web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected exception answers 500 in plain words; neither answer nor log holds its text."""
    with caplog.at_level(logging.DEBUG):
        page = web.get("/break", headers=HTML)
    assert page.status_code == 500
    assert "Our fault" in page.text
    assert "hanako" not in page.text
    assert "hanako" not in caplog.text
    assert "RuntimeError at" in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 422),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 422),
        ({"origin": "null"}, 422),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
    ],
)
def test_another_site_cannot_send_our_forms(web: httpx.Client, headers: dict[str, str], status: int) -> None:
    """A form sent through a person's browser by another site is refused; our own and a program's are read."""
    assert web.post("/specimen", data={"name": ""}, headers=headers).status_code == status


def test_a_form_is_read_with_its_values_kept(web: httpx.Client) -> None:
    """A form with errors comes back as 422 with title, summary, marked entries and every value that was entered."""
    page = web.post("/specimen", data={"shown": "en", "name": " 田中 花子 ", "inquiry": "<b>&\r\nline", "announce": "yes"})
    assert page.status_code == 422
    assert "<title>Error: " in page.text
    assert 'role="alert" tabindex="-1"' in page.text
    assert 'href="#f-residence"' in page.text
    assert 'href="#f-how-1"' in page.text
    assert 'value="田中 花子"' in page.text
    assert "&lt;b&gt;&amp;\nline</textarea>" in page.text
    assert re.search(r'id="f-announce"[^>]* checked', page.text)
    assert re.search(r'id="f-residence"[^>]*aria-describedby="f-residence-hint f-residence-error" aria-invalid="true"', page.text)


def test_a_form_sent_whole_leads_on(web: httpx.Client) -> None:
    """A complete form answers 303 to a page that no cache keeps."""
    sent = {"residence": "JP", "name": "田中 花子", "how": "file"}
    answer = web.post("/specimen", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/done")
    assert web.get("/done").headers["cache-control"] == "no-store"


def test_switching_language_in_a_form_keeps_it(web: httpx.Client) -> None:
    """The language button shows the same form in the other language with what was entered and no error."""
    page = web.post("/specimen", data={"shown": "en", "_lang": "ja", "name": "田中"})
    assert (page.status_code, page.headers["content-language"]) == (200, "ja")
    assert 'value="田中"' in page.text
    assert "エラー" not in page.text


@pytest.mark.parametrize("value", ["a\x00b", "a\x1bb"])
def test_control_characters_are_refused(web: httpx.Client, value: str) -> None:
    """A form with a control character is refused and not repeated."""
    assert web.post("/specimen", data={"name": value}).status_code == 422


def test_two_values_for_one_name_are_refused(web: httpx.Client) -> None:
    """A name that must stand once is not read twice."""
    body = b"name=a&name=b"
    headers = {"content-type": "application/x-www-form-urlencoded", **HTML}
    assert web.post("/specimen", content=body, headers=headers).status_code == 400


def test_static_files_never_change(web: httpx.Client) -> None:
    """Stylesheet and script lie under the hash of their content, for ever, packed where the browser unpacks."""
    html = web.get("/specimen").text
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', html):
        answer = web.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\.[0-9a-f]{16}\.\w+$", address)
    style = re.findall(r'"(/static/app[^"]+)"', html)[0]
    with web.stream("GET", style, headers={"accept-encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        raw = b"".join(packed.iter_raw())
    assert gzip.decompress(raw) == web.get(style, headers={"accept-encoding": "identity"}).content
    assert web.get("/static/app.0000000000000000.css").status_code == 404
    assert web.get("/static/..%2f..%2fpages.py").status_code == 404


def test_head_is_get_without_a_body(web: httpx.Client) -> None:
    """HEAD answers with the headers of GET and nothing else."""
    answer = web.head("/specimen?lang=ja")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-language"] == "ja"


def test_the_schema_names_every_code(web: httpx.Client) -> None:
    """`/openapi.json` is OpenAPI 3.1 with every refusal code and the closed bodies, and no page loads a script from elsewhere."""
    from upheld.web.refusals import STATUS

    schema = web.get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert schema["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(STATUS)
    assert "/api/v1/ask" in schema["paths"]
    assert "cdn" not in json.dumps(schema)
    for path in ("/schema", "/schema/swagger", "/schema/redoc", "/schema/elements"):
        assert "<script" not in web.get(path, headers=HTML).text.replace('<script src="/static/', "")


def test_health_and_security_contact(web: httpx.Client, serve, make_specimen) -> None:  # type: ignore[no-untyped-def]
    """Alive and ready are told apart, a part that is not ready is named, and security.txt follows RFC 9116."""
    assert web.get("/livez").json() == {"live": True}
    assert web.get("/readyz").json() == {"ready": True, "parts": {"store": True}}
    text = web.get("/.well-known/security.txt")
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text.splitlines()[:2] == ["Contact: mailto:security@example.com", "Expires: 2027-06-01T00:00:00Z"]
    down = httpx.get(serve(make_specimen(ready=False)) + "/readyz")
    assert (down.status_code, down.json()["parts"]) == (503, {"store": False})


def test_every_code_has_its_page(web: httpx.Client) -> None:
    """Each refusal is explained at /problems/{code} in both languages; an unknown one is not found."""
    from upheld.web.refusals import STATUS

    for code in STATUS:
        page = web.get(f"/problems/{code}?lang=ja")
        assert page.status_code == 200, code
        assert re.findall(r'<section lang="(\w+)"', page.text) == ["ja", "en"]
    assert web.get("/problems/nothing").status_code == 404
    assert web.get("/problems?lang=en").text.count("data-code=") == len(STATUS)


def test_nothing_in_force_is_said(serve, make_specimen) -> None:  # type: ignore[no-untyped-def]
    """Before the first publication pages say that no version is in force and no header claims one."""
    from upheld.web.pages import Frame

    empty = serve(make_specimen(lambda: Frame({"en": "Example Inc."}, ("en",))))
    page = httpx.get(f"{empty}/done")
    assert "no version is in force" in page.text
    assert "upheld-policy" not in page.headers
    assert "data-policy-version" not in page.text
    assert "hreflang" not in page.text
