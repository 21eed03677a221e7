"""The proof that a task shows the broker: what is accepted, and that all else is refused without a sound."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_livestorm.auth.assertion import AUDIENCE, LIFE_SECONDS, read_assertion, sign_assertion

SECRET = "the-client-secret-of-forty-characters-or-so"
WHO = {"conn_id": "conn", "client_id": "client", "client_secret": SECRET}
NOW = 1_790_000_000


@pytest.fixture(autouse=True)
def _time_stands_still() -> Iterator[None]:
    """The claims below are made when the tests are collected: they must not age until they are read."""
    with time_machine.travel(NOW, tick=False):
        yield


def read(assertion: str, **changes: str) -> tuple[str, float] | None:
    return read_assertion(assertion, **(WHO | changes))


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def by_hand(
    claims: object = None, *, header: object = None, secret: str = SECRET, hashed: Any = hashlib.sha256, **changes: Any
) -> str:
    """A JWT made without PyJWT, which would not write some of these; None takes a claim away."""
    if claims is None:
        good = {
            "iss": "client", "sub": "client", "aud": AUDIENCE, "conn_id": "conn",
            "iat": NOW, "exp": NOW + LIFE_SECONDS, "jti": "an-id",
        }  # fmt: skip
        claims = {name: value for name, value in (good | changes).items() if value is not None}
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    text = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    return f"{text}.{encode(hmac.new(secret.encode(), text.encode(), hashed).digest())}"


def test_a_proof_is_read_by_whoever_has_the_same_connection() -> None:
    read_back = read(sign_assertion(**WHO, now=NOW))
    assert read_back is not None
    proof_id, forget_at = read_back
    assert len(proof_id) == 32
    assert forget_at == NOW + 60 + 30, "it may be shown until then, leeway included: so long it is remembered"


def test_no_two_proofs_are_alike_and_none_holds_the_secret() -> None:
    proofs = {sign_assertion(**WHO, now=NOW) for _ in range(20)}
    assert len(proofs) == 20
    for proof in proofs:
        assert SECRET not in proof
        assert SECRET not in json.dumps(jwt.decode(proof, options={"verify_signature": False}))


def test_a_proof_made_by_hand_is_good_so_the_forgeries_below_fail_for_one_reason_each() -> None:
    assert read(by_hand()) == ("an-id", NOW + 90)


@pytest.mark.parametrize("other", [{"conn_id": "conn2"}, {"client_id": "other"}, {"client_secret": "x" * 43}], ids=str)
def test_a_proof_of_something_else_is_refused(other: dict[str, str]) -> None:
    assert read(sign_assertion(**(WHO | other))) is None
    assert read(sign_assertion(**WHO), **other) is None


@pytest.mark.parametrize("offset", [-89, -60, 0, 25])
def test_clocks_may_differ_by_half_a_minute(offset: int) -> None:
    assert read(sign_assertion(**WHO, now=time.time() + offset)) is not None


@pytest.mark.parametrize("offset", [-(10**6), -95, 35, 10**6])
def test_a_proof_from_the_past_or_the_future_is_refused(offset: int) -> None:
    assert read(sign_assertion(**WHO, now=time.time() + offset)) is None


CLAIMS: dict[str, dict[str, Any]] = {
    **{f"without {name}": {name: None} for name in ("iss", "sub", "aud", "conn_id", "iat", "exp", "jti")},
    **{f"{name} a list": {name: ["client"]} for name in ("iss", "sub", "conn_id", "iat", "exp", "jti")},
    **{f"{name} an object": {name: {}} for name in ("iss", "sub", "aud", "conn_id", "iat", "exp", "jti")},
    **{f"{name} somebody else": {name: "somebody"} for name in ("iss", "sub")},
    "aud in a list": {"aud": [AUDIENCE]},
    "the token endpoint's aud": {"aud": "https://app.livestorm.co/oauth/token"},
    "a life of 61 s": {"exp": NOW + 61},
    "a life of a year": {"exp": NOW + 31_536_000},
    "a long life that began long ago": {"iat": NOW - 3600, "exp": NOW + 60},
    "issued in the future": {"iat": NOW + 600, "exp": NOW + 660},
    "not valid yet": {"nbf": NOW + 600},
    "expired": {"iat": NOW - 200, "exp": NOW - 140},
    "exp a text": {"exp": str(NOW + 60)},
    "iat a text": {"iat": str(NOW)},
    "both texts": {"exp": str(NOW + 60), "iat": str(NOW)},
    "iat no number": {"iat": float("nan"), "exp": NOW + 10**6},
    "exp without end": {"exp": float("inf")},
    "iat before time": {"iat": float("-inf")},
    "jti a number": {"jti": 7},
}


@pytest.mark.parametrize("claims", CLAIMS)
def test_a_well_signed_proof_with_a_wrong_claim_is_refused(claims: str) -> None:
    assert read(by_hand(**CLAIMS[claims])) is None


@pytest.mark.parametrize("claims", [[], "text", 7, {}, True], ids=repr)
def test_claims_of_another_shape_are_refused(claims: object) -> None:
    assert read(by_hand(claims)) is None


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "dir", 7]
)
@pytest.mark.parametrize("signature", ["kept", "empty"])
def test_only_hs256_is_an_algorithm_whatever_the_header_says(algorithm: object, signature: str) -> None:
    forged = by_hand(header={"alg": algorithm, "typ": "JWT"})
    assert read(forged if signature == "kept" else forged.rpartition(".")[0] + ".") is None


def test_a_proof_whose_header_names_no_algorithm_is_refused() -> None:
    assert read(by_hand(header={"typ": "JWT"})) is None
    assert read(by_hand(header=[])) is None
    assert read(by_hand(header={"alg": "HS256", "kid": 7})) is None


@pytest.mark.parametrize(("algorithm", "hashed"), [("HS384", hashlib.sha384), ("HS512", hashlib.sha512)])
def test_the_right_secret_with_another_hash_is_refused(algorithm: str, hashed: Any) -> None:
    assert read(by_hand(header={"alg": algorithm}, hashed=hashed)) is None


def test_a_key_of_ones_own_is_refused_whether_it_comes_along_or_not() -> None:
    """RS/HS confusion: neither a signature by a private key, nor one by the text of a public key, nor a key inside."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = jwt.decode(by_hand(), options={"verify_signature": False})
    assert read(jwt.encode(claims, key, algorithm="RS256")) is None
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert read(by_hand(secret=public.decode())) is None
    own = "a-key-of-the-forger-of-thirty-two-bytes-or-more"
    jwk = {"kty": "oct", "k": encode(own.encode())}
    assert read(by_hand(header={"alg": "HS256", "jwk": jwk, "jku": "https://evil.example/"}, secret=own)) is None
    assert read(by_hand(secret="")) is None


def test_a_proof_changed_after_it_was_signed_is_refused() -> None:
    header, payload, signature = by_hand().split(".")
    other = by_hand(conn_id="conn2").split(".")[1]
    for forged in (
        f"{header}.{other}.{signature}", f"{header}.{payload}", f"{header}.{payload}.", f"{header}..{signature}",
        f"{header}.{payload}.{signature[:-4]}", f"{header}.{payload}.{signature}.{signature}",
        f".{payload}.{signature}",
    ):  # fmt: skip
        assert read(forged) is None


@pytest.mark.parametrize("garbage", ["", ".", "..", "a.b.c", "é.é.é", "\x00", "a" * 4096, "🙂", "\ud800"], ids=ascii)
def test_garbage_is_refused(garbage: str) -> None:
    assert read(garbage) is None


@given(st.text(max_size=60) | st.text(max_size=20).map(lambda text: f"{by_hand()}{text}x"))
def test_any_text_is_refused_and_never_an_error(text: str) -> None:
    assert read(text) is None
