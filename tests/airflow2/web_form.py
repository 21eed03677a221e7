"""Fills in the connection form of Airflow 2.11's own web server, as a browser does; test_form.py runs it in there.

What to type comes in by stdin, and what came of it goes out as the last line, both as JSON.
"""

from __future__ import annotations

import html.parser
import json
import math
import re
import sys
from typing import Any

from airflow.models.connection import Connection
from airflow.utils.session import create_session
from airflow.www.app import create_app

from airflow_provider_livestorm.hooks.connection import open_lease, server_side_settings
from airflow_provider_livestorm.hooks.livestorm import LivestormHook

_BEHAVIOUR = re.compile(r'id="field_behaviours" type="text/json">(.*?)</script>')


class Form(html.parser.HTMLParser):
    """What is in the fields of a page, once its script has taken out those of other connection types."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self._open: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name = told.get("name") or ""
        if tag in ("input", "textarea") and name and (not name.startswith("extra__") or "__livestorm__" in name):
            self.fields[name], self.types[name] = told.get("value") or "", told.get("type") or tag
            self._open = name if tag == "textarea" else None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.fields[self._open] += data.strip("\r\n")

    def handle_endtag(self, tag: str) -> None:
        self._open = None


def main(conn_id: str, typed: dict[str, str], pasted: dict[str, str]) -> dict[str, Any]:
    """Add the connection, paste a refresh token, let it be refreshed, and save and test the form around that."""
    browser = create_app(testing=True).test_client()

    def row() -> dict[str, Any]:
        with create_session() as session:
            found = session.query(Connection).filter_by(conn_id=conn_id).one()
            told = {name: getattr(found, name) for name in ("id", "login", "password", "description")}
            return told | {"extra": json.loads(found.extra)}

    def shown(path: str) -> str:
        return str(browser.get(path).get_data(as_text=True))

    def save(path: str, fields: dict[str, str], **typed: str) -> dict[str, Any]:
        answer = browser.post(path, data={**fields, **typed, "conn_id": conn_id, "conn_type": "livestorm"})
        assert answer.status_code == 302, answer.get_data(as_text=True)[-3000:]
        return row()

    def test(fields: dict[str, str], **typed: str) -> dict[str, Any]:
        sent = {name: value for name, value in {**fields, **typed}.items() if value}
        members = {name: sent[name] for name in ("host", "login", "password") if name in sent}
        extra = {name.rpartition("__")[2]: value for name, value in sent.items() if name.startswith("extra__")}
        body = {"connection_id": conn_id, "conn_type": "livestorm", **members, "extra": json.dumps(extra)}
        return dict(browser.post("/api/v1/connections/test", json=body).json)

    page = shown("/connection/add")
    found = _BEHAVIOUR.search(page)
    assert found is not None
    said: dict[str, Any] = {
        "page": html.unescape(page),
        "behaviour": json.loads(html.unescape(found.group(1)))["livestorm"],
        "types": Form(page).types,
        "new": save("/connection/add", Form(page).fields, **typed),
    }
    said["new_tested"] = test(typed)
    edit = f"/connection/edit/{said['new']['id']}"
    said["pasted"] = save(edit, Form(shown(edit)).fields, **pasted)
    LivestormHook(conn_id).get_token()
    said["refreshed"] = row()
    said["edit"] = shown(edit)
    said["saved"] = save(edit, Form(said["edit"]).fields, description="another one")
    open_lease(server_side_settings(conn_id)).get(min_left=math.inf)
    said["rotated"] = row()
    said["saved_late"] = save(edit, Form(said["edit"]).fields)
    open_lease(server_side_settings(conn_id)).get()
    said["tested"] = test(Form(said["edit"]).fields, password=said["new"]["password"])
    return said


if __name__ == "__main__":
    print(json.dumps(main(**json.load(sys.stdin))))
