"""The front door of the hub. The Celery app is loaded with it, so that jobs find the broker."""

from casehub.celery import app as celery_app

__all__ = ["celery_app"]
