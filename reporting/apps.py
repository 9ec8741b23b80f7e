"""The floor of what may be said about many people."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = "Reporting"

    def ready(self) -> None:
        """Register this floor's jobs."""
        from reporting import tasks  # noqa: F401
