"""The agencies and people of a measurement, made through the hub's own doors."""

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from agencies import actions
from agencies.models import Agency, AgencyType, User


def agency(slug: str) -> Agency:
    return Agency.objects.filter(slug=slug).first() or actions.open_agency(
        slug=slug, name=slug.title(), type=AgencyType.SHELTER, sector="shelter", is_expected_to_report=True
    )


def caseworker(of: Agency) -> User:
    """Somebody with a second factor; no password, as signing in is not measured."""
    user = User.objects.create_user(f"caseworker@{of.slug}.example", None, name="Casey Worker")
    actions.grant_role(user, of, "caseworker")
    TOTP.activate(user, generate_totp_secret())
    return user
