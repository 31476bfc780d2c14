"""Single sign-on: OpenID Connect with the hospital's provider (authorization code, state, nonce, PKCE).

The provider says who somebody is; whether that person may enter is Bilan's to say: an account must
be there already. Its second factor is the provider's business.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.responses import RedirectResponse, Response

from reports.language import message
from reports.web import sign_in
from reports.web.row import ANYONE, Row
from reports.web.settings import Provider
from reports.web.trail import audited
from reports.web.visit import Visit, missing
from warehouse import accounts, oidc_flows
from warehouse.accounts import Account
from warehouse.oidc_flows import Flow

SECONDS = 10
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]  # signed by the provider's own key, nothing symmetric
LEEWAY_SECONDS = 60
NO_ACCESS = message("Your account at the hospital is known, but it was given no access to Bilan. Ask an administrator.")
REFUSED = message("The identity provider did not let you in, or the attempt took too long. Try again.")
UNREACHABLE = message("The identity provider cannot be reached. Try again later.")


class RefusedError(Exception):
    """The provider's answer is not one that lets anybody in."""


def leave_for(visit: Visit) -> Response:
    """Send the browser to the provider."""
    provider = _provider(visit)
    try:
        described = _described(provider)
    except (requests.RequestException, RefusedError):
        return sign_in.refuse(visit, 503, UNREACHABLE)
    state, flow = (
        secrets.token_urlsafe(32),
        Flow(secrets.token_urlsafe(32), secrets.token_urlsafe(48), sign_in.onward(visit)),
    )
    oidc_flows.begin(visit.app.store, state, visit.secret, flow, visit.app.services.now())
    with _client(visit, provider) as client:
        address, _ = client.create_authorization_url(
            described["authorization_endpoint"], state=state, nonce=flow.nonce, code_verifier=flow.verifier
        )
    return RedirectResponse(address, 303)


def come_back(visit: Visit) -> Response:
    """Take the provider's answer."""
    provider, asked = _provider(visit), visit.request.query_params
    flow = oidc_flows.take(visit.app.store, asked.get("state", ""), visit.secret, visit.app.services.now())
    if flow is None or "code" not in asked:
        return sign_in.refuse(visit, 403, REFUSED)
    try:
        claims = _claims(visit, provider, asked["code"], flow)
    except requests.RequestException:
        return sign_in.refuse(visit, 503, UNREACHABLE)
    except (OAuthError, JoseError, RefusedError, ValueError, KeyError):
        audited(visit, "signed_in", outcome=8, method="oidc")
        return sign_in.refuse(visit, 403, REFUSED)
    account = _account(visit, provider, claims)
    if account is None:
        audited(visit, "signed_in", outcome=4, method="oidc")
        return sign_in.refuse(visit, 403, NO_ACCESS)
    return sign_in.let_in(replace(visit, fields={"next": flow.onward}), account, "full", method="oidc")


def _claims(visit: Visit, provider: Provider, code: str, flow: Flow) -> dict[str, Any]:
    """Trade the code for an identity, and check that it is the provider's answer to this very request."""
    described = _described(provider)
    with _client(visit, provider) as client:
        token = client.fetch_token(described["token_endpoint"], code=code, code_verifier=flow.verifier, timeout=SECONDS)
        keys = requests.get(described["jwks_uri"], timeout=SECONDS)
        keys.raise_for_status()
        decoded = jwt.decode(token["id_token"], KeySet.import_key_set(keys.json()), algorithms=ALGORITHMS)
        claims = dict(decoded.claims)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": provider.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": flow.nonce},
        )
        registry.validate(claims)
        if claims.get("azp", provider.client_id) != provider.client_id:
            raise RefusedError
        if provider.login_claim not in claims and "userinfo_endpoint" in described:
            more = client.get(described["userinfo_endpoint"], timeout=SECONDS)
            more.raise_for_status()
            told = more.json()
            if told.get("sub") != claims["sub"]:
                raise RefusedError
            claims = {**told, **claims}
    return claims


def _account(visit: Visit, provider: Provider, claims: dict[str, Any]) -> Account | None:
    """Return the account that these claims open, with the roles that they give."""
    store, subject = visit.app.store, f"{provider.issuer}|{claims['sub']}"
    account = accounts.by_subject(store, subject)
    if account is None:
        login = claims.get(provider.login_claim)
        unverified = provider.login_claim == "email" and claims.get("email_verified") is False
        account = accounts.by_login(store, login) if isinstance(login, str) and login and not unverified else None
        # An account that another person of the provider has signed in to stays that person's.
        if account is None or account.oidc_subject is not None:
            return None
    if account.disabled_at is not None:
        return None
    by = replace(visit.actor, user_id=account.user_id)
    if provider.roles:
        groups = claims.get(provider.roles_claim) or []
        named = {groups} if isinstance(groups, str) else {str(group) for group in groups}
        given = frozenset(pair for group, pairs in provider.roles.items() if group in named for pair in pairs)
        accounts.set_roles(store, account.user_id, given, by)
        if not given:
            return None
    if account.oidc_subject is None:
        accounts.bind_subject(store, account.user_id, subject, by)
    return accounts.by_id(store, account.user_id)


def _provider(visit: Visit) -> Provider:
    if visit.app.settings.provider is None:
        raise missing()
    return visit.app.settings.provider


def _client(visit: Visit, provider: Provider) -> OAuth2Session:
    return OAuth2Session(
        provider.client_id,
        provider.client_secret,
        scope=" ".join(provider.scopes),
        redirect_uri=provider.public_address + visit.link("single_sign_on_back"),
        code_challenge_method="S256",
    )


def _described(provider: Provider) -> dict[str, Any]:
    """Return what the provider says of itself; it must be the one that we were told of."""
    answer = requests.get(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration", timeout=SECONDS)
    answer.raise_for_status()
    described: dict[str, Any] = answer.json()
    if described.get("issuer") != provider.issuer:
        raise RefusedError
    return described


ROWS = (
    Row("/sign-in/single", "single_sign_on", leave_for, ANYONE),
    Row("/sign-in/single/back", "single_sign_on_back", come_back, ANYONE),
)
