"""Signing in to the API with a token. Apart from the doors, because DRF's settings import it while DRF's own
views, which the doors need, are still being loaded."""

import hashlib
from datetime import date

from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from agencies.models import ApiToken, User


class TokenSignIn(BaseAuthentication):
    """`Authorization: Token …`: a user at one agency, until the token's end. Only the digest is stored."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"token":
            return None
        token = None
        if len(words) == 2:
            token = (
                ApiToken.objects.select_related("user")
                .filter(
                    digest=hashlib.sha256(words[1]).digest(),
                    expires_at__gt=timezone.now(),
                    user__is_active=True,
                )
                .first()
            )
        if token is None:
            raise exceptions.AuthenticationFailed
        if token.last_used_on != date.today():
            ApiToken.objects.filter(pk=token.pk).update(last_used_on=date.today())
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"
