"""A connection as people see it: its state in words, and what they may do about it. For the page and the command line.

Only where there is a database session: the api-server, the command line, and Airflow 2.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from airflow_provider_livestorm.api.client import Credential, LivestormClient
from airflow_provider_livestorm.auth.authorization import PendingAuthorization, redeem, start
from airflow_provider_livestorm.auth.credentials import ApiToken, OAuthCredential, TokenSource
from airflow_provider_livestorm.auth.grants import forget_tokens, store_authorization
from airflow_provider_livestorm.auth.oauth import OAuthClient
from airflow_provider_livestorm.auth.scopes import lacking, scope_text
from airflow_provider_livestorm.auth.stores import TokenStore
from airflow_provider_livestorm.auth.token import TokenRecord, TokenSet, fingerprint
from airflow_provider_livestorm.exceptions import (
    LivestormAuthorizationError,
    LivestormConfigurationError,
    LivestormError,
    LivestormTokenError,
)
from airflow_provider_livestorm.hooks.account_status import AccountStatus, describe, unusable
from airflow_provider_livestorm.hooks.connection import (
    ConnectionSettings,
    open_lease,
    open_store,
    server_side_settings,
    store_in_use,
)
from airflow_provider_livestorm.hooks.form_test import ask_who, introduce, who
from airflow_provider_livestorm.hooks.masking import mask_secret
from airflow_provider_livestorm.usage.facts import QuotaReading, Report, day_of
from airflow_provider_livestorm.usage.ledger import Ledger

__all__ = ["LivestormAccount", "Outcome"]

# A person waits: one call, and one more where it failed.
_TEST_ATTEMPTS = 2
_TEST_SECONDS = 20.0


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action.

    Attributes:
        ok: whether it did what was asked.
        message: a sentence for people; holds no secret.
        retryable: whether trying again, with nothing changed, can help.
    """

    ok: bool
    message: str
    retryable: bool = False


class LivestormAccount:
    """One connection, and the account at Livestorm that it stands for.

    Args:
        conn_id: of the connection.
        ledger: what is known of calls and accounts.
        clock: UTC unix seconds.
    """

    def __init__(self, conn_id: str, *, ledger: Ledger | None = None, clock: Callable[[], float] = time.time) -> None:
        self.conn_id = conn_id
        self._ledger = ledger if ledger is not None else Ledger()
        self._clock = clock

    # --- what is known -----

    def status(self) -> AccountStatus:
        """The state of the connection, from what is stored: asks Livestorm nothing.

        Raises:
            LivestormTokenError: the database, or a secrets backend, failed; a retry may help.
        """
        try:
            settings = self._settings()
            record = self._record(settings)
        except LivestormConfigurationError as error:
            return unusable(self.conn_id, str(error))
        except LivestormTokenError:
            raise
        except Exception as error:  # noqa: BLE001 - a text that cannot be decrypted, say: the others are to be shown
            log.warning("Connection %r cannot be read: %s", self.conn_id, type(error).__name__)
            reason = f"Connection {self.conn_id!r} cannot be read ({type(error).__name__}); save it anew in Airflow."
            return unusable(self.conn_id, reason)
        known = self._ledger.recall(self.conn_id, _credential_of(settings, record))
        usage = self._ledger.read(self.conn_id)
        return describe(settings, record, known, usage, now=self._clock())

    # --- what a person may do -----

    def test(self) -> Outcome:
        """Call Livestorm once, with a refresh before it if one is due, and say who it takes us for."""
        try:
            settings = self._settings()
            return self._identify(settings)
        except LivestormError as error:
            return Outcome(ok=False, message=str(error), retryable=error.retryable)

    def refresh(self) -> TokenSet:
        """Refresh the access token now, though it may be fresh.

        Raises:
            LivestormConfigurationError: there is nothing to refresh, or the client was refused.
            LivestormReconnectRequiredError: the refresh token is dead.
            LivestormTokenError: no usable answer came; a retry may help.
        """
        settings = self._settings()
        settings.oauth()  # a private API token has none, and is told so
        lease = open_lease(settings)
        record = self._record(settings)
        token = record.token if record is not None else None
        if token is not None and token.expires_at is None:
            return lease.get(refused=fingerprint(token.access_token))
        return lease.get(min_left=math.inf if token is not None else 0.0)

    def start_authorization(self, *, redirect_uri: str, scopes: Collection[str]) -> tuple[PendingAuthorization, str]:
        """What to keep until the person is back, and the URL to send them to.

        Raises:
            LivestormConfigurationError: the connection cannot be authorized, or a scope does not exist.
        """
        settings = self._settings()
        if settings.elsewhere and store_in_use() == "variable":
            raise LivestormConfigurationError(
                f"Connection {self.conn_id!r} lives outside of Airflow's database, and [livestorm] token_store ="
                " variable takes its refresh token from there: authorize the application by other means, and configure"
                " it there."
            )
        return start(
            settings.oauth(),
            conn_id=self.conn_id,
            redirect_uri=redirect_uri,
            scope=scope_text(scopes),
            now=self._clock(),
        )

    def finish_authorization(self, pending: PendingAuthorization, answer: Mapping[str, str]) -> Outcome:
        """Exchange the code and store the tokens; then say who is connected.

        Args:
            pending: what `start_authorization` gave; used once: the caller sees to that.
            answer: the query parameters that the person came back with.
        """
        try:
            settings = self._settings()
            grant = redeem(settings.oauth(), pending, answer, now=self._clock())
            record = store_authorization(
                open_store(settings), grant, asked=pending.scope, mask=mask_secret, clock=self._clock
            )
        except LivestormAuthorizationError as error:
            return Outcome(ok=False, message=str(error), retryable=error.retryable)
        except LivestormError as error:
            message = f"{error} Nothing was stored. Start again."
            return Outcome(ok=False, message=message, retryable=error.retryable)
        outcome = self._introduced(settings)
        missing = lacking(pending.scope, grant.scope)
        if missing:
            outcome = Outcome(
                ok=False,
                message=f"{outcome.message} But Livestorm did not grant {', '.join(missing)}: what needs it will fail"
                " with HTTP 403. Connect again to choose anew.",
            )
        if record.refresh_token is None:
            outcome = Outcome(
                ok=False,
                message=f"{outcome.message} But Livestorm gave no refresh token: somebody must connect again when the"
                " access token expires.",
            )
        return outcome

    def disconnect(self) -> Outcome:
        """Remove the tokens from Airflow, then revoke them at Livestorm where that can be done."""
        try:
            settings = self._settings()
            oauth = settings.oauth()
            before = self._forget(settings)
        except LivestormError as error:
            return Outcome(ok=False, message=str(error), retryable=error.retryable)
        self._ledger.forget(self.conn_id)
        removed = f"Connection {self.conn_id!r}: its tokens were removed from Airflow"
        try:
            _revoke(oauth, before)
        except LivestormTokenError as error:
            return Outcome(
                ok=True,
                message=f"{removed}, but not revoked at Livestorm ({error}). To be sure, remove the application there,"
                " in the settings of the account.",
            )
        return Outcome(ok=True, message=f"{removed}, and revoked at Livestorm.")

    # --- in between -----

    def _settings(self) -> ConnectionSettings:
        try:
            return server_side_settings(self.conn_id)
        except PermissionError:
            raise LivestormConfigurationError(
                f"Connection {self.conn_id!r}: a secrets backend does not let Airflow read it."
            ) from None

    def _forget(self, settings: ConnectionSettings) -> TokenRecord:
        """Remove the tokens; what there was."""
        if store_in_use() != "variable":
            return forget_tokens(open_store(settings), clock=self._clock)
        from airflow.models.variable import Variable  # noqa: PLC0415 - has a database

        from airflow_provider_livestorm.auth.stores.variable import variable_name  # noqa: PLC0415 - by choice only

        before = TokenRecord.from_extra(_variable(settings).read().extra)
        forget_tokens(open_store(settings), clock=self._clock)  # the seed first: the refresh DAG would sow it again
        Variable.delete(variable_name(self.conn_id))
        return before

    def _record(self, settings: ConnectionSettings) -> TokenRecord | None:
        """None for a private API token."""
        if settings.client_id is None:
            return None
        store = _variable(settings) if store_in_use() == "variable" else open_store(settings)
        return TokenRecord.from_extra(store.read().extra)

    def _introduced(self, settings: ConnectionSettings) -> Outcome:
        """As `_identify`, for a connection whose tokens are stored: that one call fails does not undo this."""
        try:
            return self._identify(settings)
        except LivestormError as error:
            return Outcome(ok=True, message=f"Connected, and the tokens are stored. But the first call failed: {error}")

    def _identify(self, settings: ConnectionSettings) -> Outcome:
        credential: Credential
        if settings.client_id is None:
            credential = ApiToken(settings.secret)
        else:
            credential = OAuthCredential(_source(settings), clock=self._clock)
        with LivestormClient(
            credential, base_url=settings.api_url, max_attempts=_TEST_ATTEMPTS, deadline=_TEST_SECONDS
        ) as client:
            document = ask_who(client)
            calls, quota = client.calls, client.quota
        record = self._record(settings)
        now = self._clock()
        self._ledger.record(self.conn_id, Report({day_of(now): calls}, QuotaReading.of(quota, now)))
        if document is not None:
            self._ledger.remember(self.conn_id, _credential_of(settings, record), who(document))
        scope = record.token.scope if record is not None and record.token is not None else None
        return Outcome(ok=True, message=introduce(document, quota, scope))


def _source(settings: ConnectionSettings) -> TokenSource:
    """Who gives an access token here; with `token_store = variable` one refreshes, and it is not us."""
    if store_in_use() != "variable":
        return open_lease(settings)
    from airflow_provider_livestorm.auth.stores.variable import VariableReader  # noqa: PLC0415 - by choice only

    return VariableReader(settings.conn_id, mask=mask_secret, patience=0.0)  # a person waits


def _variable(settings: ConnectionSettings) -> TokenStore:
    """Where the tokens are by `token_store = variable`; the connection's own refresh token is their seed."""
    from airflow_provider_livestorm.auth.stores.variable import VariableStore  # noqa: PLC0415 - by choice only

    return VariableStore(settings.conn_id, settings.extra.get("refresh_token"))


def _credential_of(settings: ConnectionSettings, record: TokenRecord | None) -> str:
    """What an identity was learned with: through all rotations the same, and another one after a new authorization."""
    if record is None:
        return fingerprint(settings.secret, settings.api_url)
    return fingerprint(record.lineage or "", settings.client_id or "", settings.api_url)


def _revoke(oauth: OAuthClient, record: TokenRecord) -> None:
    """Doorkeeper keeps a pair as one record: whichever token is revoked, both are."""
    secret = record.refresh_token or (record.token.access_token if record.token is not None else None)
    if secret:
        oauth.revoke(secret)
