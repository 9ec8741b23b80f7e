"""The counting door's policies ask who counts once a statement, not once a row. Nobody sees more or less."""

from django.db import migrations

from agencies.scope.rows import asked_once


class Migration(migrations.Migration):
    dependencies = [("reporting", "0007_three_years_together"), ("agencies", "0016_counting_asked_once")]

    operations = [asked_once("reporting_grantreport")]
