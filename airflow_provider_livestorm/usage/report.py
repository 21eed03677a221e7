"""How an Airflow 3 task tells the api-server of its calls. The other end is `plugin/usage_report.py`."""

from __future__ import annotations

from urllib.parse import quote

import requests
from urllib3.exceptions import NewConnectionError

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from airflow_provider_livestorm.auth.deadline import limit_call
from airflow_provider_livestorm.usage.facts import Report
from airflow_provider_livestorm.usage.meter import Delivery

__all__ = ["UsageReporter"]

# Seconds to connect, and between two bytes: the caller has better things to do.
_TIMEOUT = (2.0, 3.0)
_NOT_TAKEN = (
    requests.codes.request_timeout, requests.codes.request_entity_too_large, requests.codes.too_many_requests,
    requests.codes.service_unavailable,
)  # fmt: skip


class UsageReporter:
    """Sends reports of one connection.

    Args:
        conn_id: of the connection.
        client_id: its login; None for a private API token.
        secret: its password; signs the report, and is not sent.
        url: the api-server's address as this process reaches it, path prefix included.
    """

    def __init__(self, conn_id: str, *, client_id: str | None, secret: str, url: str) -> None:
        self._conn_id = conn_id
        self._client_id = client_id
        self._secret = secret
        self._url = f"{url.rstrip('/')}/livestorm/connections/{quote(conn_id, safe='')}/usage"

    def __call__(self, report: Report) -> Delivery:
        """Send one."""
        reading = report.quota
        body = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": sign_assertion(
                conn_id=self._conn_id, client_id=self._client_id, client_secret=self._secret
            ),
            "calls": dict(report.calls),
            "quota": None if reading is None else {
                "limit": reading.limit, "remaining": reading.remaining,
                "at": reading.at, "resets_at": reading.resets_at,
            },
        }  # fmt: skip
        try:
            with requests.Session() as session, limit_call(session, sum(_TIMEOUT)):
                answer = session.post(self._url, json=body, timeout=_TIMEOUT, allow_redirects=False, stream=True)
                status = answer.status_code
                answer.close()
        except requests.ConnectTimeout:
            return Delivery.KEPT
        except requests.ConnectionError as error:
            return Delivery.KEPT if _never_connected(error) else Delivery.TAKEN
        except (requests.RequestException, OSError):
            return Delivery.TAKEN
        if status in _NOT_TAKEN:
            return Delivery.KEPT
        # 404: an api-server without this plugin; 401: it reads another secret. Asking again would help neither.
        return Delivery.NEVER if 400 <= status < 500 else Delivery.TAKEN  # noqa: PLR2004 - HTTP's classes


def _never_connected(error: requests.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), NewConnectionError)
