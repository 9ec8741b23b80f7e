"""The region a county is counted in where it is too small to be counted alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agencies", "0014_county_map")]

    operations = [
        migrations.AddField(
            model_name="county",
            name="region",
            field=models.CharField(blank=True, max_length=60),
        ),
    ]
