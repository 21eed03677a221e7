"""Whether a call of the controls may come from where a browser says that it comes from.

The controls change the sandbox without a password, so a page of another site, open in the same browser, must not reach
them. Pure; `guard.py` asks. Programs such as curl send none of the headers that browsers do, and pass.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

__all__ = ["is_loopback", "names_of", "refusal"]

_OTHER_SITE = "a page of another site may not use the controls"


def refusal(headers: Mapping[str, Sequence[str]], scheme: str, names: frozenset[str] | None) -> str | None:
    """The reason why a call is refused, or None.

    Args:
        headers: values by name in lower case; a browser sends each once, and all that are there must be right.
        scheme: by which the call came.
        names: by which a browser may call this server; None for any.
    """
    # Fetch Metadata: `none` is what a person typed or opened from outside of the browser.
    if not set(headers.get("sec-fetch-site", ())) <= {"same-origin", "none"}:
        return _OTHER_SITE
    hosts = headers.get("host", ())
    # Where the address is not trustworthy, as http to another machine, there is no Sec-Fetch-Site; Origin there is.
    if not set(headers.get("origin", ())) <= {f"{scheme}://{host.lower()}" for host in hosts}:
        return _OTHER_SITE
    if names is None or not (others := {_name(host) for host in hosts} - names):
        return None
    return f"the controls answer to {', '.join(sorted(names))}; not to {', '.join(sorted(others))!r}"


def names_of(host: str, address: str) -> frozenset[str] | None:
    """By which names a browser may call; None for any, where other machines can reach the server anyway.

    On loopback another name means DNS rebinding: a page's own name, which was made to point to this machine, so that
    the browser takes the sandbox for the page's own site.

    Args:
        host: that it was told to listen on.
        address: on which it listens.
    """
    return frozenset({"localhost", "127.0.0.1", "::1", host.lower(), address}) if is_loopback(address) else None


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an IP address."""
    return ipaddress.ip_address(address).is_loopback


def _name(host: str) -> str:
    """A Host header without its port, and without the brackets of IPv6."""
    name, colon, port = host.lower().rpartition(":")
    return (name if colon and port.isdigit() else host.lower()).strip("[]")
