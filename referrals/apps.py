"""The casework floor's app."""

from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    name = "referrals"
    verbose_name = "Casework"

    def ready(self) -> None:
        """Register the casework's jobs."""
        from referrals import tasks  # noqa: F401
