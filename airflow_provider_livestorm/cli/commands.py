"""`status`, `test`, `refresh`, `disconnect` and `quota`: thin shells over `hooks/account.py`."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace

import msgspec
from airflow.cli.simple_table import AirflowConsole

from airflow_provider_livestorm.auth.stores.metadata_db import connection_ids
from airflow_provider_livestorm.cli.definition import EXIT_FAILED, EXIT_OK
from airflow_provider_livestorm.cli.output import Answer, answer_outcome, answer_rows, command, hint, moment
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.hooks.account import LivestormAccount, Outcome
from airflow_provider_livestorm.hooks.account_status import AccountStatus, CallsOfDay
from airflow_provider_livestorm.hooks.connection import CONN_TYPE, store_in_use

__all__ = ["disconnect", "quota", "refresh", "status", "test"]


class QuotaOfConnection(msgspec.Struct, frozen=True):
    """What `quota --output json` tells of a connection; times are UTC unix seconds, None where not known.

    Attributes:
        limit: calls in 30 days, of all who call the workspace; `remaining` of them at `at`.
        resets_at: when a new period begins; concluded, not said, where `resets_at_estimated`.
        calls: of this Airflow alone, by UTC day, oldest first.
    """

    conn_id: str
    limit: int | None
    remaining: int | None
    at: float | None
    resets_at: float | None
    resets_at_estimated: bool
    calls: list[CallsOfDay]


@command
def status(args: Namespace) -> Answer:
    """How connections are, from what is stored."""
    found = _statuses(args.conn_id)
    code = EXIT_FAILED if any(one.state.startswith("needs_") for one in found) else EXIT_OK
    answer = answer_rows(args, found, _shown, code=code)
    if args.output != "table":
        return answer
    return replace(answer, hints=[f"{one.conn_id}: {one.reason}" for one in found if one.reason is not None])


@command
def test(args: Namespace) -> Answer:
    """One call of Livestorm."""
    return _outcome(args, LivestormAccount(args.conn_id).test())


@command
def refresh(args: Namespace) -> Answer:
    """A new access token, whether or not the old one still lives."""
    if store_in_use() == "variable":
        raise LivestormConfigurationError(
            f"Connection {args.conn_id!r}: with [livestorm] token_store = variable its refresh DAG alone refreshes it;"
            f" run that one (livestorm_refresh_{args.conn_id})."
        )
    token = LivestormAccount(args.conn_id).refresh()
    return answer_outcome(
        args, args.conn_id, ok=True,
        message=f"Connection {args.conn_id!r}: refreshed; the access token expires"
        f" {moment(token.expires_at, 'when Livestorm says so')}.",
    )  # fmt: skip


@command
def disconnect(args: Namespace) -> Answer:
    """No token any more."""
    if not args.yes:
        if not sys.stdin.isatty():
            raise LivestormConfigurationError("Nobody can be asked here: say --yes to disconnect.")
        hint(f"Tasks that use {args.conn_id} will fail until somebody connects it again. Disconnect? [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return answer_outcome(args, args.conn_id, ok=False, message="Nothing was changed.")
    return _outcome(args, LivestormAccount(args.conn_id).disconnect())


@command
def quota(args: Namespace) -> Answer:
    """The month's calls; of one connection, by day as well."""
    found = _statuses(args.conn_id)
    answer = answer_rows(args, [_quota(one) for one in found], _shown_quota)
    if args.conn_id is None or args.output != "table":
        return answer
    days = [{"day": day.day, "calls": f"{day.calls:,}"} for day in found[0].calls if day.calls]

    def show() -> None:
        answer.show()
        if days:
            AirflowConsole().print_as(data=days, output=args.output)

    return replace(answer, show=show)


def _statuses(conn_id: str | None) -> list[AccountStatus]:
    if conn_id is None:
        return [LivestormAccount(one).status() for one in connection_ids(CONN_TYPE)]
    found = LivestormAccount(conn_id).status()
    if found.kind == "unusable":  # not there, or of another type: the reason is all there is to say
        raise LivestormConfigurationError(found.reason)
    return [found]


def _outcome(args: Namespace, outcome: Outcome) -> Answer:
    return answer_outcome(args, args.conn_id, ok=outcome.ok, message=outcome.message, retryable=outcome.retryable)


def _shown(one: AccountStatus) -> dict[str, str]:
    return {
        "conn_id": one.conn_id,
        "state": one.state.replace("_", " "),
        "connected_as": one.connected_as or "",
        "workspace": one.workspace or "",
        "scopes": " ".join(one.scopes),
        "refreshed": moment(one.refreshed_at),
        "expires": moment(one.expires_at),
    }


def _quota(one: AccountStatus) -> QuotaOfConnection:
    said = one.quota
    if said is None:
        return QuotaOfConnection(one.conn_id, None, None, None, None, resets_at_estimated=False, calls=one.calls)
    return QuotaOfConnection(
        one.conn_id, said.limit, said.remaining, said.at, said.resets_at, said.resets_at_estimated, one.calls
    )


def _shown_quota(one: QuotaOfConnection) -> dict[str, str]:
    estimated = " (estimated)" if one.resets_at_estimated else ""
    return {
        "conn_id": one.conn_id,
        "remaining": "" if one.remaining is None else f"{one.remaining:,}",
        "limit": "" if one.limit is None else f"{one.limit:,}",
        "as_of": moment(one.at),
        "resets": moment(one.resets_at, "not known") + estimated,
        "calls_in_30_days": f"{sum(day.calls for day in one.calls):,}",
    }
