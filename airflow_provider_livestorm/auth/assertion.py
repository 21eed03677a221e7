"""The proof that a task shows the token broker: a short-lived JWT signed with the connection's client secret.

It is RFC 7523's client_secret_jwt. Whoever can read the Connection can make one; nobody else learns anything. Both ends
are here, so that what is signed and what is checked can't drift apart.
"""

from __future__ import annotations

import time
import uuid

import jwt

__all__ = ["ASSERTION_TYPE", "read_assertion", "sign_assertion"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, 2.2
AUDIENCE = "airflow-provider-livestorm/token-broker"
LIFE_SECONDS = 60
# Stands for the client id of a private API token, which has none.
_NO_CLIENT = "private-api-token"
_LEEWAY_SECONDS = 30  # between the clocks of a worker and the api-server


def sign_assertion(*, conn_id: str, client_id: str | None, client_secret: str, now: float | None = None) -> str:
    """Sign a proof that the caller can read the connection; good for a minute and for that connection only.

    Args:
        conn_id: of the connection.
        client_id: its login; None where its password is a private API token.
        client_secret: its password, the key.
        now: UTC unix seconds.
    """
    client_id = client_id or _NO_CLIENT
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": AUDIENCE,
        "conn_id": conn_id,
        "iat": issued,
        "exp": issued + LIFE_SECONDS,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, client_secret, algorithm="HS256")


def read_assertion(
    assertion: str, *, conn_id: str, client_id: str | None, client_secret: str
) -> tuple[str, float] | None:
    """Check a proof strictly: its id and expiry (UTC unix seconds), or None for any fault whatever."""
    client_id = client_id or _NO_CLIENT
    try:
        claims = jwt.decode(
            assertion,
            client_secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            issuer=client_id,
            subject=client_id,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "iat", "exp", "jti"], "strict_aud": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError):  # the latter two for what no JWT library foresees
        return None
    issued, expires, proof_id = claims["iat"], claims["exp"], claims["jti"]
    if type(issued) is not int or type(expires) is not int or not isinstance(proof_id, str):
        return None
    if expires - issued > LIFE_SECONDS or claims.get("conn_id") != conn_id:
        return None
    return proof_id, float(expires + _LEEWAY_SECONDS)
