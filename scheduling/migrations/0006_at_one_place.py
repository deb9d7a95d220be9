import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.db import migrations, models


class Migration(migrations.Migration):
    """A doctor is at one place at a time.

    No rows should break this. Where two places in far zones, or hours that went to another place,
    let somebody book such a pair after all, it stops and names both: which of two patients must
    be told is for the doctor to say. Cancel one there, and migrate again.
    """

    dependencies = [
        ("registry", "0005_location_by_point"),
        ("scheduling", "0005_one_index_for_each_question"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="appointment",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("status", "CANCELLED"), _negated=True),
                expressions=[
                    ("doctor", "="),
                    ("location", "<>"),
                    (
                        models.Func(
                            "appointment_time",
                            "ends_at",
                            function="tstzrange",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="appointment_at_one_place",
            ),
        ),
    ]
