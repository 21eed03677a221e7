"""Which columns of people are left out or hashed before a row is written, and how a person is found again by a hash.

What Livestorm notes of a visitor's device and whereabouts nobody typed into a form: it is left out unless asked for.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.sync.defaults import DEFAULT_EXCLUDE

__all__ = ["EMAIL_HASH", "Privacy", "Veil", "email_hash"]

EMAIL_HASH = "email_hash"
_ANSWERED = ("email", "first_name", "last_name")
_WITH_ANSWERS = ("session_people", "registration_answers", "event_people")


def email_hash(email: str, key: str) -> str:
    """The keyed SHA-256 of an address, hex; spaces around it and its case do not matter.

    Args:
        email: of the person.
        key: the same that the sync was given.
    """
    return _hash(email.strip().casefold(), key)


def _hash(text: str, key: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is done to columns.

    Attributes:
        exclude: columns that are left out, as `stream.column`, or `column` for every stream that has it.
        hashed: columns of text whose values are replaced by their keyed SHA-256, likewise.
        key: of the hashes; never written anywhere. With one, each row with an address has a column `email_hash` too.
    """

    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    hashed: tuple[str, ...] = ()
    key: str | None = field(default=None, repr=False)

    def check(self, streams: Iterable[str]) -> None:
        """Raise LivestormConfigurationError for a column that no stream has, that is a key, or that can't be hashed."""
        names = set(streams)
        for asked in (*self.exclude, *self.hashed):
            stream, _, column = asked.rpartition(".")
            if stream and stream not in CATALOGUE:
                raise LivestormConfigurationError(f"There is no stream {stream!r}, as in {asked!r}.")
            having = [
                name
                for name in ([stream] if stream else CATALOGUE)
                if column in {one.name for one in CATALOGUE[name].rows.columns}
            ]
            if not having:
                raise LivestormConfigurationError(f"No stream has a column {column!r}, as in {asked!r}.")
            if keyed := [name for name in having if column in CATALOGUE[name].key and (stream or name in names)]:
                raise LivestormConfigurationError(
                    f"{column} names the rows of {', '.join(keyed)}, and cannot be left out or hashed."
                )
        if self.hashed and not self.key:
            raise LivestormConfigurationError(
                "Columns can only be hashed with a key. Put a long random text into an Airflow Variable and name it in"
                " hash_key_variable."
            )

    def columns_of(self, stream: str, asked: Iterable[str]) -> frozenset[str]:
        """Those of the columns that are meant in a stream."""
        found = {one.name for one in CATALOGUE[stream].rows.columns}
        meant = (one.rpartition(".") for one in asked)
        return frozenset(column for where, _, column in meant if where in ("", stream) and column in found)

    def answers(self) -> dict[str, str]:
        """What is done to answers of forms, by the field's id: what is done to that column of a session's people."""
        excluded, hashed = (self.columns_of("session_people", asked) for asked in (self.exclude, self.hashed))
        return {name: "drop" if name in excluded else "hash" for name in _ANSWERED if name in excluded | hashed}

    def shape(self, stream: str) -> list[Any]:
        """What it does to a stream; the key shows as a hash of its own."""
        key = _hash("key", self.key) if self.key else None
        return [
            sorted(self.columns_of(stream, self.exclude)),
            sorted(self.columns_of(stream, self.hashed)),
            key if self.hashed or self._has_email(stream) else None,
            self.answers() if stream in _WITH_ANSWERS else None,
        ]

    def _has_email(self, stream: str) -> bool:
        return any(one.name == "email" for one in CATALOGUE[stream].rows.columns)

    def adds_email_hash(self, stream: str) -> bool:
        """Whether a stream's rows get the column `email_hash`."""
        return self.key is not None and self._has_email(stream)


class Veil:
    """Does it, to the rows of one stream.

    Attributes:
        is_idle: whether there is nothing to do.
    """

    def __init__(self, privacy: Privacy, stream: str) -> None:
        self._excluded = tuple(sorted(privacy.columns_of(stream, privacy.exclude)))
        self._hashed = tuple(sorted(privacy.columns_of(stream, privacy.hashed)))
        self._key = privacy.key or ""
        self._adds = privacy.adds_email_hash(stream)
        # Address and name are answers of the form as well: what is done to the one is done to the other.
        self._answers = privacy.answers()
        self.is_idle = not (self._excluded or self._hashed or self._adds or self._answers)

    def over(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row as it may be written."""
        shown = dict(row)
        if self._adds:
            address = row.get("email")
            shown[EMAIL_HASH] = email_hash(address, self._key) if address else None
        if self._answers and isinstance(shown.get("fields"), list):
            shown["fields"] = [answer for one in shown["fields"] if (answer := self._answer(one)) is not None]
        if shown.get("field_id") in self._answers:
            shown["value"] = (self._answer({"id": shown["field_id"], "value": shown["value"]}) or {}).get("value")
        if isinstance(shown.get("_extra"), dict):
            # A value that is not of its column's type is kept there.
            shown["_extra"] = _without(shown["_extra"], {*self._excluded, *self._hashed}) or None
        for name in self._hashed:
            value = shown[name]
            if isinstance(value, str):
                shown[name] = _told(name, value, self._key)
            elif value is not None:
                shown[name] = None  # what is not text could be guessed from its hash
        for name in self._excluded:
            del shown[name]
        return shown

    def _answer(self, answer: Any) -> Any:
        """An answer as it may be written; None for one that may not."""
        if not isinstance(answer, dict) or (how := self._answers.get(str(answer.get("id")))) is None:
            return answer
        value = answer.get("value")
        if how == "hash" and isinstance(value, str):
            return {**answer, "value": _told(str(answer["id"]), value, self._key)}
        return None


def _told(name: str, value: str, key: str) -> str:
    return email_hash(value, key) if name == "email" else _hash(value, key)


def _without(members: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {
        name: _without(value, names) if isinstance(value, dict) else value
        for name, value in members.items()
        if name not in names
    }
