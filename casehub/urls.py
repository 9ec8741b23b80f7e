"""The only file that mounts doors: pages at /, the API at /api/v1/."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.totp.views import deactivate_totp
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, re_path

from agencies.admin import operations
from casehub.pages import (
    agency,
    counting,
    health,
    joining,
    ledger,
    network,
    passkeys,
    retention,
    session,
    signing,
    vault,
)

# allauth has more routes than a hub by invitation wants; these are all there are. Signing up says that it
# is closed.
account_routes: list[URLPattern | URLResolver] = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("signup/", account.signup, name="account_signup"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("2fa/", mfa.index, name="mfa_index"),
    path("2fa/authenticate/", passkeys.SecondStep.as_view(), name="mfa_authenticate"),
    path("2fa/reauthenticate/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("2fa/totp/activate/", passkeys.ActivateApp.as_view(), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", deactivate_totp, name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", include("allauth.mfa.recovery_codes.urls")),
    path("2fa/passkeys/add/", passkeys.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("2fa/passkeys/confirm/", passkeys.PasskeyAgain.as_view(), name="mfa_reauthenticate_webauthn"),
    path("2fa/passkeys/<int:number>/rename/", passkeys.RenamePasskey.as_view(), name="mfa_edit_webauthn"),
    path("2fa/passkeys/<int:number>/remove/", passkeys.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("2fa/computer/", passkeys.workstation, name="mfa_workstation"),
    path("sessions/", include("allauth.usersessions.urls")),
]
# Without mail, a new invitation lets people back in.
if settings.EMAIL_BACKEND != "django.core.mail.backends.dummy.EmailBackend":
    account_routes += [
        path("password/reset/", account.password_reset, name="account_reset_password"),
        path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
        re_path(
            r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
            account.password_reset_from_key,
            name="account_reset_password_from_key",
        ),
        path(
            "password/reset/key/done/",
            account.password_reset_from_key_done,
            name="account_reset_password_from_key_done",
        ),
    ]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", session.home, name="home"),
    path("lock/", session.lock, name="lock"),
    path("unlock/", session.unlock, name="unlock"),
    path("still-here/", session.still_here, name="still_here"),
    path("leave/", session.leave, name="leave"),
    path("language/", session.language, name="set_language"),
    path("keys/", session.keys, name="keys"),
    path("choose-agency/", session.choose_agency, name="choose_agency"),
    path("join/<str:token>/", joining.join, name="join"),
    path("first-run/", joining.first_run, name="first_run"),
    path("agency/", agency.AgencyPage.as_view(), name="agency"),
    path("agency/sharing/", agency.SharingPage.as_view(), name="sharing"),
    path("agency/people/", agency.PeoplePage.as_view(), name="people"),
    path("agency/computers/", passkeys.ComputersPage.as_view(), name="computers"),
    path("agency/tokens/", agency.TokensPage.as_view(), name="tokens"),
    path("agency/ledger/", ledger.LedgerPage.as_view(), name="ledger"),
    path("agency/signing/", signing.SigningPage.as_view(), name="signing"),
    path("agency/retention/", retention.RetentionPage.as_view(), name="retention"),
    path("agency/retention/<uuid:shredding>/", retention.Certificate.as_view(), name="retention_certificate"),
    path("clients/<uuid:client>/forget/", retention.Forget.as_view(), name="client_forget"),
    *vault.urlpatterns,
    *counting.urlpatterns,
    path("network/", network.NetworkPage.as_view(), name="network"),
    path("jobs/", network.JobsPage.as_view(), name="jobs"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("account/", include(account_routes)),
    path("admin/", operations.urls),
    path("", include("referrals.web.urls")),
    path("", include("reporting.web.urls")),
    path("api/v1/", include("casehub.api_urls")),
]
