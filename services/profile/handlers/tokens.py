"""Use cases of ApiTokenService."""

import secrets
from collections.abc import Iterable

from services.chassis.db import Database, Tx, now_us
from services.chassis.errors import AlreadyExists, LimitExceeded, NotAllowed, NotFound
from services.chassis.ids import new_id
from services.chassis.paging import names_of, page_limit
from services.chassis.requests import KEPT_US, Requests
from services.chassis.rpc.auth import ADMIN, OPERATOR, caller, require_role
from services.profile import wire
from services.profile.domain import scopes, tokens
from services.profile.domain.tokens import ApiToken
from services.profile.domain.users import User
from services.profile.handlers.asking import owns, page, refuse
from services.profile.storage import tokens as storage
from services.profile.storage import users
from services.profile.vault import seal
from services.profile.vault.master import MasterKey
from vahana.profile.v1 import token_pb2 as pb

_SECRET_BYTES = 32
_ANSWERS_KEPT_US = KEPT_US + 24 * 3600 * 1_000_000
"""Longer than a request is remembered: whoever is given a remembered answer is given its token too."""


class ApiTokens:
    """What may be done with API tokens, in the caller's tenant."""

    def __init__(self, db: Database, requests: Requests, master: MasterKey) -> None:
        self._db = db
        self._requests = requests
        self._master = master

    def create(self, request: pb.CreateApiTokenRequest) -> pb.CreateApiTokenResponse:
        """Make a token. What is remembered of the answer is without the token, which is kept sealed beside it."""
        _check(request)
        token_id = new_id(tokens.ID_PREFIX)
        plain = tokens.compose(token_id, secrets.token_hex(_SECRET_BYTES))
        with self._db.write() as tx:
            answer = self._requests.once(
                tx, request, pb.CreateApiTokenResponse, lambda: self._create(tx, request, token_id, plain)
            )
            answer.token = plain if answer.api_token.token_id == token_id else self._repeated(tx, answer.api_token)
        return answer

    def _create(
        self, tx: Tx, request: pb.CreateApiTokenRequest, token_id: str, plain: str
    ) -> pb.CreateApiTokenResponse:
        tenant, now = caller().tenant, now_us(tx)
        user = _locked_user(tx, _user(request))
        _make_room(tx, tenant, request.name, user.name, now)
        token = ApiToken(
            tenant=tenant,
            token_id=token_id,
            name=request.name,
            user=user.name,
            scopes=_scopes(request),
            digest=tokens.digest(plain),
            create_time_us=now,
            expire_time_us=now + _lifetime_us(request),
        )
        storage.insert_new(tx, token)
        if request.request_id:
            self._remember(tx, tenant, token_id, plain, now)
        return pb.CreateApiTokenResponse(api_token=wire.token_to_message(token))

    def _remember(self, tx: Tx, tenant: str, token_id: str, plain: str, now: int) -> None:
        storage.purge_answers(tx, now - _ANSWERS_KEPT_US)
        sealed = seal.seal(self._master, tenant, token_id, plain.encode())
        storage.keep_answer(tx, tenant, token_id, sealed, now)

    def _repeated(self, tx: Tx, first: pb.ApiToken) -> str:
        """The token that was made first. A repeat may come with less than that: it gets none it could not make."""
        _require_covered(first.scopes)
        _locked_user(tx, first.user)
        return self._remembered(tx, first.token_id)

    def _remembered(self, tx: Tx, token_id: str) -> str:
        tenant = caller().tenant
        sealed = storage.find_answer(tx, tenant, token_id)
        if sealed is None:
            raise NotFound("api token", token_id)
        return seal.unseal(self._master, tenant, token_id, sealed).decode()

    def get(self, request: pb.GetApiTokenRequest) -> pb.GetApiTokenResponse:
        """What is known of a token; for its user and administrators."""
        with self._db.read() as tx:
            stored = _own(tx, request.token_id)
        return pb.GetApiTokenResponse(api_token=wire.token_to_message(stored))

    def list(self, request: pb.ListApiTokensRequest) -> pb.ListApiTokensResponse:
        """A page of tokens, by id: the caller's, or for an administrator anybody's."""
        limit = page_limit(request.page_size)
        (after,) = names_of(request.page_token, 1)
        user = None if request.all_users else request.user or caller().subject
        if user is None or not owns(user):
            require_role(ADMIN)
        with self._db.read() as tx:
            stored = storage.page(tx, caller().tenant, user, after, limit + 1)
        kept, token = page([wire.token_to_message(one) for one in stored], limit, lambda one: one.token_id)
        return pb.ListApiTokensResponse(api_tokens=kept, next_page_token=token)

    def revoke(self, request: pb.RevokeApiTokenRequest) -> pb.RevokeApiTokenResponse:
        """End a token; for its user and administrators, and that of an operator for operators."""
        with self._db.write() as tx:
            stored = _own(tx, request.token_id)
            _require_may_end(tx, stored)
            storage.revoke(tx, stored.tenant, stored.token_id, now_us(tx))
            revoked = _own(tx, request.token_id)
        return pb.RevokeApiTokenResponse(api_token=wire.token_to_message(revoked))


def _own(tx: Tx, token_id: str) -> ApiToken:
    """A token that the caller may see: others are not told that it exists."""
    stored = storage.find(tx, caller().tenant, token_id)
    if stored is None or not owns(stored.user):
        raise NotFound("api token", token_id)
    return stored


def _require_may_end(tx: Tx, stored: ApiToken) -> None:
    """Who may not shut an operator out may not take an operator's tokens either. Raises NotAllowed."""
    user = users.find(tx, stored.tenant, stored.user)
    if user is not None and OPERATOR in user.roles:
        require_role(OPERATOR)


def _user(request: pb.CreateApiTokenRequest) -> str:
    return request.user or caller().subject


def _scopes(request: pb.CreateApiTokenRequest) -> frozenset[str]:
    return frozenset(request.scopes) or caller().scopes


def _lifetime_us(request: pb.CreateApiTokenRequest) -> int:
    given = wire.lifetime_us(request)
    return tokens.DEFAULT_LIFETIME_US if given is None else given


def _check(request: pb.CreateApiTokenRequest) -> None:
    """What can be told without a look at what is stored. Raises InvalidFields and NotAllowed."""
    refuse([*scopes.violations(request.scopes), *tokens.lifetime_violations(_lifetime_us(request))])
    if not owns(_user(request)):
        require_role(ADMIN)
    _require_covered(_scopes(request))


def _require_covered(asked: Iterable[str]) -> None:
    """Raise NotAllowed where the caller has not all of these scopes."""
    beyond = sorted(scope for scope in asked if not scopes.covers(caller().scopes, scope))
    if beyond:
        own = ", ".join(sorted(caller().scopes))
        raise NotAllowed(f"scope {beyond[0]!r} is not the caller's own to give, which are: {own}")


def _locked_user(tx: Tx, name: str) -> User:
    """Whose the token shall be: nobody comes by a role through a token made for somebody else."""
    user = users.lock(tx, caller().tenant, name)
    if user is None:
        raise NotFound("user", name)
    beyond = sorted(user.roles - caller().roles)
    if beyond:
        raise NotAllowed(f"{name!r} has the role {beyond[0]!r}, which {caller().subject!r} does not have")
    return user


def _make_room(tx: Tx, tenant: str, name: str, user: str, now_us: int) -> None:
    """See that the name is free and the limit kept; ended tokens give up their names, and in time their places."""
    kept = storage.of_user(tx, tenant, user)
    live = [one for one in kept if one.live(now_us)]
    if any(one.name == name for one in live):
        raise AlreadyExists("api token", name)
    if len(live) >= tokens.MOST_LIVE:
        raise LimitExceeded(f"{user!r} has {len(live)} API tokens, the most there may be: revoke one")
    oldest = tokens.ended(kept, now_us)[tokens.MOST_ENDED :]
    storage.forget(tx, tenant, [one.token_id for one in oldest])
