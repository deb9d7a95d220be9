from django.db import migrations

# With its zone a place's slots would move under booked patients, and dates and numbers that were
# given to them would be wrong. Places whose days are over, or that never had any, are free to.
KEEP_ZONE = migrations.RunSQL(
    """
    CREATE FUNCTION place_keeps_its_zone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM doctor_availability
            WHERE location_id = NEW.id AND is_active
                -- A night ends on the date after its last; dates are local, and zones are apart.
                AND (valid_to IS NULL OR valid_to >= current_date - 2)
        ) OR EXISTS (
            SELECT FROM availability_exceptions
            WHERE location_id = NEW.id AND kind = 'EXTRA' AND ends_at > now()
        ) OR EXISTS (
            SELECT FROM appointments
            WHERE location_id = NEW.id AND status <> 'CANCELLED' AND ends_at > now()
        ) THEN
            RAISE EXCEPTION 'A place with hours or appointments keeps its zone.'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'place_keeps_its_zone';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER place_keeps_its_zone
        BEFORE UPDATE OF timezone ON doctor_locations
        FOR EACH ROW WHEN (OLD.timezone <> NEW.timezone)
        EXECUTE FUNCTION place_keeps_its_zone()
    """,
    """
    DROP TRIGGER place_keeps_its_zone ON doctor_locations;
    DROP FUNCTION place_keeps_its_zone()
    """,
)


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0007_open_days_by_their_end")]

    operations = [KEEP_ZONE]
