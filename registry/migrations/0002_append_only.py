from django.db import migrations

from registry.constraints import append_only


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [append_only(["audit_logs", "audit_seals", "doctor_revisions"])]
