"""Who is let through: the token, and the pages that a browser must not let through."""

from __future__ import annotations

import pytest

from duly.api.auth import Guard
from duly.api.problems import CrossSiteRefused, NotAuthorized
from duly.api.request import Request
from duly.config import Secret, Settings

OPEN = Settings()
LOCKED = Settings(token=Secret("s3cret"))
INSECURE = Settings(insecure=True, host="0.0.0.0")  # never bound, only compared


async def nothing_to_receive():
    return {"type": "http.disconnect"}


def request_with(method="POST", **headers):
    pairs = [
        (name.replace("_", "-").encode(), value.encode())
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return Request({"method": method, "path": "/jobs", "headers": pairs}, nothing_to_receive)


@pytest.mark.parametrize("given", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret"])
def test_the_right_token_is_let_through(given):
    assert Guard(LOCKED).check(request_with(authorization=given)) is None


@pytest.mark.parametrize(
    "given",
    [[], "", "s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crett", "Basic s3cret"]
    + [["Bearer s3cret", "Bearer s3cret"], "Bearer s3cret, Bearer s3cret", "Bearer é"],
)
def test_any_other_token_is_not_authorized(given):
    with pytest.raises(NotAuthorized):
        Guard(LOCKED).check(request_with(authorization=given))


@pytest.mark.parametrize(
    "host",
    ["localhost:3000", "LOCALHOST", "app.localhost", "127.0.0.1:3000", "127.9.9.9", "[::1]:3000"]
    + ["192.168.1.5:3000", "localhost.", []],
)
def test_without_a_token_our_own_names_are_answered(host):
    assert Guard(OPEN).check(request_with(host=host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example", ""]
    + ["localhost@evil.example", "localhost:x", ["localhost", "localhost"], "[::1", "é"],
)
def test_without_a_token_a_name_that_was_rebound_to_us_is_refused(host):
    with pytest.raises(CrossSiteRefused):
        Guard(OPEN).check(request_with(method="GET", host=host))


@pytest.mark.parametrize(
    ("settings", "headers"),
    [(INSECURE, {}), (LOCKED, {"authorization": "Bearer s3cret"})],
    ids=["insecure", "token"],
)
def test_any_name_will_do_where_a_token_or_the_setting_says_so(settings, headers):
    assert Guard(settings).check(request_with(host="jobs.example", **headers)) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense", ["none", "cross-site"]])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_page_of_another_origin_is_refused(method, site):
    request = request_with(method, host="localhost", sec_fetch_site=site, sec_fetch_mode="no-cors")

    with pytest.raises(CrossSiteRefused):
        Guard(OPEN).check(request)


def test_a_link_from_elsewhere_may_open_a_page():
    request = request_with("GET", sec_fetch_site="cross-site", sec_fetch_mode="navigate")

    assert Guard(OPEN).check(request) is None


def test_a_form_from_elsewhere_may_not_submit():
    request = request_with("POST", sec_fetch_site="cross-site", sec_fetch_mode="navigate")

    with pytest.raises(CrossSiteRefused):
        Guard(OPEN).check(request)


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_may_submit(site):
    origin = "https://jobs.example"

    assert Guard(INSECURE).check(request_with(sec_fetch_site=site, origin=origin)) is None


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://localhost:3001", ""])
def test_an_old_browser_gives_itself_away_by_the_origin(origin):
    with pytest.raises(CrossSiteRefused):
        Guard(OPEN).check(request_with(host="localhost:3000", origin=origin))


def test_an_old_browser_on_our_own_page_may_submit():
    request = request_with(host="localhost:3000", origin="http://localhost:3000")

    assert Guard(OPEN).check(request) is None
