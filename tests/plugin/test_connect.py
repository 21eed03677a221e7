"""Connect in a real api-server (FAB, a prefix, two processes, a proxy with TLS): what is tried on it, what it refuses.

tests/e2e/test_connect.py goes the same way with a browser, in Airflow's own UI.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.browser import opened, serious
from tests.plugin.real_server import PREFIX, Person, Server

pytestmark = pytest.mark.e2e

READ_ONLY = ["identity:read", "events:read", "admin:read", "webhooks:read"]


@pytest.fixture
def admin(server: Server) -> Iterator[Person]:
    with server.person("admin") as person:
        yield person


def leave(person: Person, conn_id: str = "conn", **members: Any) -> str:
    """Click Connect; the URL at Livestorm."""
    answer = person.act("authorize", conn_id, **{"scopes": READ_ONLY, **members})
    assert answer.ok, answer.text
    return str(answer.json()["url"])


def decide(url: str, decision: str = "authorize") -> str:
    """Agree at Livestorm, or not; the URL that the browser is sent back to."""
    asked = dict(parse_qsl(urlsplit(url).query))
    answer = requests.post(
        url.partition("?")[0], data={**asked, "decision": decision}, timeout=30, allow_redirects=False
    )
    return str(answer.headers["Location"])


def come_back(person: Person, url: str) -> requests.Response:
    """As a browser does that another site redirects."""
    return person.get(url, timeout=60, allow_redirects=False, headers={"Sec-Fetch-Site": "cross-site"})


def notice(person: Person) -> dict[str, str] | None:
    found: dict[str, str] | None = person.get_page("page/connections").json()["notice"]
    return found


def test_a_person_connects_and_the_tokens_are_stored_before_success_is_said(admin: Person, server: Server) -> None:
    url = leave(admin)
    assert dict(parse_qsl(urlsplit(url).query))["redirect_uri"] == f"{server.public}/livestorm/callback"
    answer = come_back(admin, decide(url))
    assert answer.status_code == requests.codes.see_other
    assert answer.headers["Location"] == f"{PREFIX}/livestorm/?connection=conn"
    stored = server.stored()
    assert stored["refresh_token"] == server.sandbox.newest_refresh_token()
    assert stored["scope"].split() == READ_ONLY
    said = notice(admin)
    assert said is not None
    assert (said["kind"], said["conn_id"]) == ("done", "conn")
    assert re.match(r"Connected as .+@.+, workspace .+; scopes identity:read, events:read", said["message"])
    assert notice(admin) is None, "it is said once"
    shown = admin.connection()
    assert (shown["state"], shown["scopes"]) == ("connected", READ_ONLY)
    assert server.token() == stored["access_token"]


def test_the_cookies_are_for_this_page_alone_and_no_script_reads_them(admin: Person, server: Server) -> None:
    answer = admin.act("authorize", scopes=READ_ONLY)
    (cookie,) = (text for text in answer.raw.headers.getlist("set-cookie") if text.startswith("livestorm_pending_"))
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", f"path={PREFIX}/livestorm", "max-age=900"} <= parts
    assert server.client_secret not in cookie


@pytest.mark.parametrize("embedded", [True, False])
def test_one_comes_back_to_where_one_left(admin: Person, embedded: bool) -> None:
    back = come_back(admin, decide(leave(admin, embedded=embedded))).headers["Location"]
    assert back == (f"{PREFIX}/plugin/livestorm" if embedded else f"{PREFIX}/livestorm/?connection=conn")


def test_a_denial_changes_nothing(admin: Person, server: Server) -> None:
    before = server.stored()
    come_back(admin, decide(leave(admin), "deny"))
    said = notice(admin)
    assert said is not None
    assert said["kind"] == "error"
    assert "access was denied at Livestorm" in said["message"]
    assert server.stored() == before


def test_a_state_is_used_once_at_whichever_process(admin: Person, server: Server) -> None:
    """The browser forgets it at once; somebody who kept the cookie is told by the table."""
    back = decide(leave(admin))
    cookies = admin.cookies.copy()
    come_back(admin, back)
    assert notice(admin)["kind"] == "done"  # type: ignore[index]
    again = come_back(admin, back)
    assert again.status_code == requests.codes.bad_request
    assert "This browser has not started this" in again.text
    before = server.stored()
    admin.cookies = cookies
    for _ in range(6):  # to both processes
        admin.cookies = cookies.copy()
        come_back(admin, back)
        assert "finished already" in notice(admin)["message"]  # type: ignore[index]
    assert server.stored() == before


def test_a_forged_state_and_a_missing_one_are_refused(admin: Person, server: Server) -> None:
    code = dict(parse_qsl(urlsplit(decide(leave(admin))).query))["code"]
    for query in (f"code={code}&state=forged", f"code={code}", f"code={code}&state=", "", "error=access_denied"):
        answer = come_back(admin, f"{server.public}/livestorm/callback?{query}")
        assert answer.status_code == requests.codes.bad_request
        assert "Nothing was connected" in answer.text
        assert code not in answer.text


def test_a_cookie_that_somebody_wrote_themselves_is_not_believed(admin: Person, server: Server) -> None:
    back = decide(leave(admin))
    for cookie in [cookie for cookie in admin.cookies if cookie.name.startswith("livestorm_pending_")]:
        head, body, signature = str(cookie.value).split(".")
        cookie.value = f"{head}.{body}.{signature[::-1]}"
    assert come_back(admin, back).status_code == requests.codes.bad_request


def test_what_one_person_began_another_cannot_finish(admin: Person, server: Server) -> None:
    """A browser in which somebody else logged in meanwhile; and a link that somebody sends to an administrator."""
    back = decide(leave(admin))
    with server.person("other") as other:
        assert come_back(other, back).status_code == requests.codes.bad_request
        for cookie in admin.cookies:
            if cookie.name.startswith("livestorm_pending_"):
                other.cookies.set_cookie(cookie)
        answer = come_back(other, back)
        assert answer.status_code == requests.codes.forbidden
        assert "Somebody else has started this" in answer.text


def test_who_was_logged_out_meanwhile_logs_in_and_is_connected(admin: Person, server: Server) -> None:
    back = decide(leave(admin))
    token = admin.cookies.get("_token")
    admin.cookies.clear(domain="localhost.local", path=PREFIX, name="_token")
    answer = come_back(admin, back)
    assert answer.status_code == requests.codes.see_other
    login = urlsplit(answer.headers["Location"])
    assert login.path == f"{PREFIX}/auth/login/"
    next_url = dict(parse_qsl(login.query))["next"]
    assert next_url == f"{server.public}/livestorm/callback", "the code is not in the URL of a login"
    admin.cookies.set("_token", token, domain="localhost.local", path=PREFIX)
    answer = admin.get(next_url, timeout=60, allow_redirects=False)
    assert answer.status_code == requests.codes.see_other
    assert notice(admin)["kind"] == "done"  # type: ignore[index]


def test_no_code_and_no_state_is_in_the_servers_log(admin: Person, server: Server) -> None:
    """Neither of who is logged in, nor of who must log in first, nor of who has nothing to do here."""
    backs = [decide(leave(admin)) for _ in range(3)]
    come_back(admin, backs[0])
    for name, back in (("viewer", backs[1]), (None, backs[2])):
        with server.person(name) as somebody:
            come_back(somebody, back)
    log = (server.airflow.home / "api-server.log").read_text()
    assert log.count("query='code=***&state=***'") + log.count("query='code=%2A%2A%2A&state=%2A%2A%2A'") >= 3
    for back in backs:
        came = dict(parse_qsl(urlsplit(back).query))
        assert came["code"] not in log
        assert came["state"] not in log


def test_a_connection_that_was_deleted_meanwhile_is_said(admin: Person, server: Server) -> None:
    save(admin, server, "gone")
    back = decide(leave(admin, "gone"))
    answer = admin.delete(f"{server.public}/api/v2/connections/gone", timeout=30)
    assert answer.status_code == requests.codes.no_content
    come_back(admin, back)
    said = notice(admin)
    assert said is not None
    assert said["kind"] == "error"
    assert "There is no connection 'gone'" in said["message"]


def test_a_code_that_expired_is_said(admin: Person, server: Server) -> None:
    back = decide(leave(admin))
    server.sandbox.advance(601)
    come_back(admin, back)
    assert "has expired, or was used before" in notice(admin)["message"]  # type: ignore[index]


def test_a_scope_that_was_not_granted_is_said_and_the_rest_is_kept(admin: Person, server: Server) -> None:
    server.sandbox.configure(consent="read_only")
    try:
        come_back(admin, decide(leave(admin, scopes=["identity:read", "events:write"])))
    finally:
        server.sandbox.configure(consent="as_asked")
    said = notice(admin)
    assert said is not None
    assert said["kind"] == "error"
    assert "Livestorm did not grant events:write" in said["message"]
    shown = admin.connection()
    assert (shown["state"], shown["scopes"]) == ("connected", ["identity:read", "events:read"])


def test_without_the_scope_that_names_people_one_is_connected_all_the_same(admin: Person) -> None:
    come_back(admin, decide(leave(admin, scopes=["events:read"])))
    said = notice(admin)
    assert said is not None
    assert said["kind"] == "done"
    assert "whom Livestorm does not name without the scope identity:read" in said["message"]
    shown = admin.connection()
    assert (shown["state"], shown["connected_as"]) == ("connected", None)


def test_a_server_that_does_not_know_pkce_is_connected_to_as_well(admin: Person, server: Server) -> None:
    server.sandbox.configure(pkce="ignored")
    try:
        come_back(admin, decide(leave(admin)))
    finally:
        server.sandbox.configure(pkce="checked")
    assert notice(admin)["kind"] == "done"  # type: ignore[index]


def test_a_workspace_that_is_blocked_does_not_undo_what_was_stored(admin: Person, server: Server) -> None:
    server.sandbox.configure(workspace_state="blocked")
    try:
        come_back(admin, decide(leave(admin)))
    finally:
        server.sandbox.configure(workspace_state="validated")
    said = notice(admin)
    assert said is not None
    assert said["message"].startswith("Connected, and the tokens are stored. But the first call failed: ")
    assert server.stored()["refresh_token"] == server.sandbox.newest_refresh_token()


def test_a_page_of_another_address_is_sent_to_the_right_one(admin: Person, server: Server) -> None:
    """Where Airflow is reachable at two names, the cookie would stay at one and Livestorm sends to the other."""
    where = f"{admin.page}page/connections/conn/authorize"
    answer = admin.post(
        where, json={"scopes": READ_ONLY}, headers={"Origin": "https://127.0.0.1:1"}, timeout=30, allow_redirects=False
    )
    assert answer.status_code == requests.codes.conflict
    assert f"open Airflow at {server.public}" in answer.json()["error"]


@pytest.mark.parametrize("scopes", [[], ["events:read", "polls:read"]])
def test_a_choice_that_makes_no_sense_is_said(admin: Person, scopes: list[str]) -> None:
    answer = admin.act("authorize", scopes=scopes)
    assert answer.status_code == requests.codes.conflict
    assert "scope" in answer.json()["error"]


def test_no_route_redirects_to_where_a_request_says(admin: Person, server: Server) -> None:
    elsewhere = "https://evil.example/"
    pages = ["", "callback", "page/connections", "assets/page.css"]
    for page in pages:
        for name in ("next", "redirect_uri", "url", "return_to"):
            answer = admin.get_page(f"{page}?{name}={quote(elsewhere, safe='')}")
            assert "evil.example" not in answer.headers.get("Location", "")
    with server.person(None) as nobody:
        login = nobody.get_page(f"?connection={quote(elsewhere, safe='')}&next={elsewhere}").headers["Location"]
        assert login.startswith(f"{server.public}/auth/login/?next=")
        assert dict(parse_qsl(urlsplit(login).query))["next"].startswith(f"{server.public}/livestorm/?")
    for header in ("Host", "X-Forwarded-Host", "Forwarded"):
        answer = admin.post(
            f"{admin.page}page/connections/conn/authorize", json={"scopes": READ_ONLY}, timeout=30,
            headers={
                header: "host=evil.example" if header == "Forwarded" else "evil.example",
                "Cookie": f"_token={server.tokens['admin']}",  # a browser sends it whatever the host is called
            },
        )  # fmt: skip
        assert answer.ok, f"{header}: {answer.status_code} {answer.text}"
        asked = dict(parse_qsl(urlsplit(answer.json()["url"]).query))
        assert asked["redirect_uri"] == f"{server.public}/livestorm/callback"


# --- who may -----

ROUTES = [
    ("GET", ""), ("GET", "assets/page.css"), ("GET", "assets/main.js"), ("GET", "page/connections"),
    ("GET", "callback"), ("GET", "callback?code=x&state=y"), ("POST", "page/connections/conn/authorize"),
    ("POST", "page/connections/conn/test"), ("POST", "page/connections/conn/disconnect"),
]  # fmt: skip


def ask(person: Person, method: str, path: str) -> requests.Response:
    body = {"scopes": READ_ONLY} if path.endswith("authorize") else {}
    return person.request(
        method, person.page + path, json=body if method == "POST" else None, timeout=60, allow_redirects=False
    )


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_viewer_is_refused_on_every_route(server: Server, method: str, path: str) -> None:
    with server.person("viewer") as viewer:
        answer = ask(viewer, method, path)
    assert answer.status_code == requests.codes.forbidden
    assert "conn" not in answer.text.replace("connection", "")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_who_is_not_logged_in_sees_nothing(server: Server, method: str, path: str) -> None:
    with server.person(None) as nobody:
        answer = ask(nobody, method, path)
    if "page/" in path:
        assert answer.status_code == requests.codes.unauthorized
        assert answer.json() == {"error": "You are not logged in to Airflow."}
    else:
        assert answer.status_code == requests.codes.see_other
        assert "/auth/login" in answer.headers["Location"]


def test_the_list_of_routes_is_whole() -> None:
    from airflow_provider_livestorm.plugin.connect import ConnectRoutes  # noqa: PLC0415 - after the server's Airflow
    from airflow_provider_livestorm.plugin.page import PageRoutes  # noqa: PLC0415 - likewise

    none: Any = None
    routes = [*PageRoutes(none, none, none).router().routes, *ConnectRoutes(none, none, none).router().routes]
    known = {(method, path.partition("?")[0]) for method, path in ROUTES}
    for route in routes:
        (method,) = route.methods  # type: ignore[attr-defined]
        path = str(route.path).removeprefix("/")  # type: ignore[attr-defined]
        path = path.replace("{connection_id:path}", "conn").replace("{name}", "page.css")
        assert (method, path) in known


def test_who_may_look_and_not_edit_sees_no_action_and_can_do_none(server: Server) -> None:
    with server.person("looking") as looking:
        assert looking.connection()["may_edit"] is False
        for action in ("authorize", "test", "disconnect"):
            answer = looking.act(action, **({"scopes": READ_ONLY} if action == "authorize" else {}))
            assert answer.status_code == requests.codes.forbidden
            assert answer.json()["error"].startswith("You may not edit this connection.")


def test_nobody_sees_a_token(admin: Person, server: Server) -> None:
    come_back(admin, decide(leave(admin)))
    shown = [admin.get_page("page/connections").text, admin.act("test").text, admin.get_page().text]
    secrets = [*server.sandbox.secrets(), server.client_secret]
    assert not [secret for secret in secrets if any(secret in text for text in shown)]


# --- what a browser may do with it -----


@pytest.mark.parametrize("path", ["", "page/connections", "assets/main.js", "callback", "nothing/here"])
def test_every_answer_is_guarded(admin: Person, path: str) -> None:
    headers = admin.get_page(path).headers
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another host of the same company
        {"Sec-Fetch-Site": "none"},
        {"X-Livestorm-Page": None},
        {"Content-Type": "text/plain"},  # as a form of another site may send
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": None, "Origin": "null"},
        {"Sec-Fetch-Site": None},
    ],
)
def test_a_post_of_another_site_is_refused(admin: Person, server: Server, headers: dict[str, str | None]) -> None:
    before = server.stored() if headers == {"Sec-Fetch-Site": "cross-site"} else None
    for action in ("authorize", "test", "disconnect"):
        answer = admin.post(
            f"{admin.page}page/connections/conn/{action}",
            data=json.dumps({"scopes": READ_ONLY}),
            headers={"Content-Type": "application/json", **headers},  # type: ignore[dict-item]
            timeout=30,
        )
        assert answer.status_code == requests.codes.forbidden
        assert "Only the Livestorm page itself" in answer.json()["error"]
    if before is not None:
        assert server.stored() == before


def test_an_older_browser_is_known_by_its_origin_and_a_program_by_its_token(admin: Person, server: Server) -> None:
    origin = server.public.removesuffix(PREFIX)
    del admin.headers["Sec-Fetch-Site"]
    assert admin.post(f"{admin.page}page/connections/conn/test", json={}, headers={"Origin": origin}, timeout=60).ok
    token = admin.cookies.get("_token")
    answer = requests.post(
        f"{admin.page}page/connections/conn/test", json={}, headers={"Authorization": f"Bearer {token}"},
        verify=str(server.trusted), timeout=60,
    )  # fmt: skip
    assert answer.json()["ok"] is True


# --- Test and Disconnect -----


def test_the_test_says_who_one_is_connected_as(admin: Person) -> None:
    come_back(admin, decide(leave(admin)))
    answer = admin.act("test").json()
    assert answer["ok"] is True
    assert re.match(r"Connected as .+; scopes .+ calls left this month\.", answer["message"])


def test_who_disconnects_leaves_no_token_and_hears_whether_livestorm_revoked_it(admin: Person, server: Server) -> None:
    for routes, said in (("absent", "but not revoked at Livestorm"), ("present", "and revoked at Livestorm")):
        come_back(admin, decide(leave(admin)))
        notice(admin)
        server.sandbox.configure(extra_routes=routes)
        access_token = server.stored()["access_token"]
        answer = admin.act("disconnect").json()
        assert answer["ok"] is True
        assert said in answer["message"]
        extra = server.stored()
        assert not {"refresh_token", "access_token", "expires_at", "scope"} & extra.keys()
        assert extra["token_url"] == server.sandbox.token_url
        assert admin.connection()["state"] == "not_connected"
        refused = server.show(server.proof())
        assert refused.status_code == requests.codes.conflict
        assert f"open {server.public}/livestorm/?connection=conn and click Reconnect" in refused.json()["message"]
        alive = requests.get(
            f"{server.sandbox.api_url}/ping", headers={"Authorization": f"Bearer {access_token}"}, timeout=30
        ).ok
        assert alive is (routes == "absent")
    come_back(admin, decide(leave(admin)))
    assert admin.connection()["state"] == "connected"


def test_a_revoked_connection_is_shown_as_such_and_works_again_once_reconnected(admin: Person, server: Server) -> None:
    come_back(admin, decide(leave(admin)))
    notice(admin)
    server.sandbox.revoke(server.sandbox.newest_refresh_token())
    answer = admin.act("test").json()
    assert answer["ok"] is False
    assert "its refresh token is no longer valid" in answer["message"]
    shown = admin.connection()
    assert shown["state"] == "needs_reconnecting"
    assert "Tasks fail until somebody reconnects it" in shown["reason"]
    come_back(admin, decide(leave(admin)))
    assert admin.connection()["state"] == "connected"
    assert admin.act("test").json()["ok"] is True


def save(admin: Person, server: Server, conn_id: str, **changes: Any) -> None:
    """One more connection for the same application, that nobody authorized, as the form saves it."""
    members = {
        "connection_id": conn_id, "conn_type": "livestorm", "host": server.sandbox.api_url, "login": server.client_id,
        "password": server.client_secret,
        "extra": json.dumps({"token_url": server.sandbox.token_url, "authorize_url": server.sandbox.authorize_url}),
    }  # fmt: skip
    answer = admin.post(f"{server.public}/api/v2/connections", json={**members, **changes}, timeout=30)
    assert answer.ok, answer.text


def test_other_kinds_of_connections_are_shown_for_what_they_are(admin: Person, server: Server) -> None:
    save(admin, server, "team.fresh")
    save(admin, server, "by-token", login=None, password=server.sandbox.credentials()["api_token"])
    save(admin, server, "without-secret", password=None)
    fresh, by_token, broken = (admin.connection(name) for name in ("team.fresh", "by-token", "without-secret"))
    assert (fresh["kind"], fresh["state"]) == ("oauth", "not_connected")
    assert (by_token["kind"], by_token["state"]) == ("api_token", "not_tried")
    assert (broken["kind"], broken["state"]) == ("unusable", "needs_attention")
    assert "has no password" in broken["reason"]
    assert admin.act("test", "by-token").json()["ok"] is True
    assert admin.connection("by-token")["state"] == "connected"
    assert (
        "has no login, so no OAuth application" in admin.act("authorize", "by-token", scopes=READ_ONLY).json()["error"]
    )
    come_back(admin, decide(leave(admin, "team.fresh")))
    assert admin.connection("team.fresh")["state"] == "connected"


# --- in a browser -----


def test_the_page_works_in_airflows_ui_behind_prefix_and_proxy(
    server: Server, browser: Browser, complaints: list[str]
) -> None:
    with opened(browser, complaints, ignore_https_errors=True) as page:
        cookie: Any = {
            "name": "_token", "value": server.tokens["admin"], "domain": "localhost", "path": PREFIX, "secure": True,
            "httpOnly": True, "sameSite": "Lax",
        }  # fmt: skip
        page.context.add_cookies([cookie])
        page.goto(f"{server.public}/plugin/livestorm")
        frame = page.frame_locator("iframe[title=Livestorm]")
        card = frame.get_by_role("article", name="conn", exact=True)
        card.get_by_role("button", name=re.compile("^(Rec|C)onnect$")).click()
        frame.get_by_role("dialog").get_by_role("button", name="Continue to Livestorm").click()
        page.get_by_role("button", name="Authorize").click()
        page.wait_for_url(f"{server.public}/plugin/livestorm**")
        expect(card).to_contain_text("Connected as")
        page.goto(f"{server.public}/livestorm/?connection=conn")
        expect(page.get_by_role("article", name="conn", exact=True)).to_be_focused()
        assert serious(page) == []
    assert complaints == []
