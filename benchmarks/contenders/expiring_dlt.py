"""Contender 4 with tokens that expire: `rest_api` with dlt's `OAuth2ClientCredentials`, taught the refresh grant.

dlt has no auth for refresh tokens; its docs have users derive one from this class. It refreshes once its clock says
that the token has expired. The rotated token is kept in a file that all processes share; before a refresh it looks
whether another process has refreshed.
"""

from __future__ import annotations

import time
from typing import Any

from dlt.common import pendulum
from dlt.common.configuration import configspec
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from dlt_rest_api import main, told
from kept_token import CLIENT, KeptToken
from told import wait

KEPT = KeptToken(told.credential)


@configspec
class RotatingTokens(OAuth2ClientCredentials):
    """Refreshes by the refresh token in the file."""

    def take(self, kept: dict[str, Any]) -> None:
        """Use what the file holds."""
        self.access_token = kept["access_token"]
        self.token_expiry = pendulum.from_timestamp(kept["expires_at"])

    def obtain_token(self) -> None:
        """What another process got meanwhile; else by a refresh."""
        kept = KEPT.read()
        if kept["expires_at"] > time.time():
            self.take(kept)
            return
        self.access_token_request_data = {"grant_type": "refresh_token", "refresh_token": kept["refresh_token"]}
        super().obtain_token()

    def parse_access_token(self, response_json: Any) -> str:
        """Keep the new pair."""
        KEPT.write(response_json)
        return super().parse_access_token(response_json)


if __name__ == "__main__":
    wait()
    auth = RotatingTokens(access_token_url=told.token_url, **CLIENT)
    auth.take(KEPT.read())
    main(auth)
