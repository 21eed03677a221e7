"""Contender 5 with tokens that expire: `OAuthAuthenticator` with `refresh_token_updater`, for single-use tokens.

The platform gives each sync the config as it is stored, and stores the one that a sync sends back in a control message;
a sync that runs does not read it again. A 401 is declared to be answered by a refresh, which it is not by default.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airbyte_cdk_source import main, manifest, told
from kept_token import CLIENT, KeptToken
from told import wait


def with_oauth() -> dict[str, Any]:
    """The source, authorized by OAuth."""
    made = manifest()
    for stream in made["streams"]:
        requester = stream["retriever"]["requester"]
        refused = {"type": "HttpResponseFilter", "http_codes": [401], "action": "REFRESH_TOKEN_THEN_RETRY"}
        requester["error_handler"]["response_filters"].append(refused)
        requester["authenticator"] = {
            "type": "OAuthAuthenticator",
            "token_refresh_endpoint": told.token_url,
            "client_id": "{{ config['credentials']['client_id'] }}",
            "client_secret": "{{ config['credentials']['client_secret'] }}",
            "refresh_token": "{{ config['credentials']['refresh_token'] }}",
            "refresh_token_updater": {},
        }
    return made


def config() -> dict[str, Any]:
    """As the platform has it stored."""
    kept = KeptToken(told.credential).read()
    expiry = datetime.fromtimestamp(kept.pop("expires_at"), UTC).isoformat()
    return {"credentials": {**CLIENT, **kept, "token_expiry_date": expiry}}


if __name__ == "__main__":
    wait()
    main(with_oauth(), config())
