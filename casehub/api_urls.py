"""Where the API's resources stand, below /api/v1/. The schema is a file, without a page to look at it."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.routers import SimpleRouter

from referrals.api.views import ROUTES as CASEWORK
from reporting.api.views import ROUTES as NUMBERS
from reporting.api.views import PipelineViewSet

router = SimpleRouter()
for _name, _viewset in (*CASEWORK, *NUMBERS):
    router.register(_name, _viewset, basename=f"api-{_name}")

urlpatterns = [
    *router.urls,
    path("pipeline/", PipelineViewSet.as_view({"get": "retrieve"}), name="api-pipeline"),
    path("schema/", SpectacularAPIView.as_view(permission_classes=[IsAuthenticated]), name="api-schema"),
]
