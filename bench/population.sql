-- Thirty cities, twenty specializations, sixty days: what the benchmarks are measured on.
-- Each statement is one step of `bench.population`, which names it by the line above it.

-- The plan of all slots
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO docport;
CREATE FUNCTION bench.id(kind text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
    RETURN md5(kind || number)::uuid;
CREATE TABLE bench.doctors AS
    SELECT number, bench.id('doctor', number) AS id, bench.id('place', number) AS place_id,
        number <= %(heavy)s AS is_heavy, number %% 30 AS city, number / 30 %% 20 AS specialization
    FROM generate_series(1, %(doctors)s) AS number;
ALTER TABLE bench.doctors ADD PRIMARY KEY (number);
GRANT SELECT ON bench.doctors TO docport;
CREATE TABLE bench.windows (is_heavy bool, weekday int, opens time, closes time, minutes int, first_slot int, slots int);
INSERT INTO bench.windows
    SELECT true, weekday, '09:00'::time, '13:00'::time, 15, 0, 16 FROM generate_series(0, 5) AS weekday
    UNION ALL SELECT true, weekday, '17:00', '20:00', 15, 16, 12 FROM generate_series(0, 5) AS weekday
    UNION ALL SELECT false, weekday, '10:00', '13:00', 30, 0, 6 FROM generate_series(0, 4) AS weekday;
CREATE FUNCTION bench.slots_on(day date) RETURNS TABLE (number int, slot int, starts_at timestamptz, minutes int, is_taken bool)
LANGUAGE sql STABLE AS $$
    SELECT d.number, w.first_slot + nth,
        (day + w.opens + nth * w.minutes * interval '1 minute') AT TIME ZONE 'Asia/Kolkata',
        w.minutes,
        -- A third, the same on each run, without a pattern.
        (hashint8(d.number * 1000003::bigint + (day - date '2020-01-01') * 101 + w.first_slot + nth)
            & 2147483647) %% 3 = 0
    FROM bench.windows AS w
    JOIN bench.doctors AS d USING (is_heavy)
    CROSS JOIN generate_series(0, w.slots - 1) AS nth
    WHERE w.weekday = extract(isodow FROM day) - 1
$$;

-- Doctors
INSERT INTO doctors (id, full_name, email, phone, registration_council, registration_number,
    specialization, languages, years_of_experience, fee, timezone, is_sandbox, status, attested_at,
    version, created_at, updated_at)
SELECT d.id, 'Asha Rao ' || number, 'doctor' || number || '@example.org',
    '+9198' || lpad(number::text, 8, '0'), 'KMC', 'KMC-' || lpad(number::text, 8, '0'),
    (%(specializations)s::text[])[specialization + 1], '{en,hi}', 12, 600, 'Asia/Kolkata', false,
    'ACTIVE', now(), 1, now(), now()
FROM bench.doctors AS d;

-- Places
INSERT INTO doctor_locations (id, doctor_id, name, address, city, state, pin, latitude, longitude,
    timezone, phone, is_active, created_at, updated_at)
SELECT place_id, d.id, 'Clinic ' || number, number || ' Main Road',
    (%(cities)s::text[])[city + 1], (%(states)s::text[])[city + 1], '560011',
    (%(latitudes)s::numeric[])[city + 1] + (number %% 200 - 100) / 1000.0,
    (%(longitudes)s::numeric[])[city + 1] + (number / 7 %% 200 - 100) / 1000.0,
    'Asia/Kolkata', '', true, now(), now()
FROM bench.doctors AS d;

-- Weekly hours
INSERT INTO doctor_availability (id, doctor_id, location_id, day_of_week, start_time, end_time,
    slot_duration_minutes, capacity, buffer_minutes, mode, valid_from, valid_to, is_active,
    created_at, updated_at)
SELECT gen_random_uuid(), d.id, place_id, weekday, opens, closes, minutes, 1, 0, 'IN_PERSON',
    %(today)s::date - 30, NULL, true, now(), now()
FROM bench.doctors AS d JOIN bench.windows USING (is_heavy);

-- Leave: one doctor in ten has a day off
INSERT INTO availability_exceptions (id, doctor_id, location_id, kind, starts_at, ends_at, reason,
    mode, created_at, updated_at)
SELECT gen_random_uuid(), d.id, NULL, 'CLOSED', day AT TIME ZONE 'Asia/Kolkata',
    (day + interval '1 day') AT TIME ZONE 'Asia/Kolkata', '', '', now(), now()
FROM bench.doctors AS d, LATERAL (SELECT %(today)s::date + 51 + number %% 9 AS day) AS off
WHERE number %% 10 = 3;

-- Booking rules: one doctor in ten has some
INSERT INTO booking_rules (doctor_id, lead_time_minutes, horizon_days, most_per_day, created_at, updated_at)
SELECT id, 120, 60, CASE WHEN is_heavy THEN NULL ELSE 5 END, now(), now()
FROM bench.doctors WHERE number %% 10 = 7;

-- Consents: one insurer sees every doctor, the other one in twenty
INSERT INTO doctor_insurance_consent (id, doctor_id, insurance_provider_id, consent_status,
    data_classes, purpose, notice_version, language, granted_at, version, created_at, updated_at)
SELECT gen_random_uuid(), d.id, p.id, 'ACTIVE', '{profile,credentials,availability,appointments}',
    'opd_network', '2026-11', 'en', now() - interval '1 day', 1, now(), now()
FROM bench.doctors AS d JOIN insurance_providers AS p ON p.slug = 'sees-all' OR number %% 20 = 1;

-- An admin, and the degree and the registration of each doctor that they have verified
WITH admin AS (
    INSERT INTO users (id, email, password, role, language, theme, is_active, is_superuser, created_at, updated_at)
    VALUES (gen_random_uuid(), 'admin@bench.example', '!', 'ADMIN', 'en', 'auto', true, false, now(), now())
    RETURNING id
)
INSERT INTO doctor_credentials (id, doctor_id, kind, degree, institution, year, certificate, certificate_url,
    file_name, content_type, size_bytes, sha256, status, verified, verified_by_id, verified_at, reason,
    created_at, updated_at)
SELECT gen_random_uuid(), d.id, kind, degree, 'Bangalore Medical College', year, '',
    'https://papers.example/' || number, '', '', 0, '', 'VERIFIED', true, admin.id, now(), '', now(), now()
FROM bench.doctors AS d, admin, (VALUES ('DEGREE', 'MBBS', 2008), ('REGISTRATION', 'Registration', 2009))
    AS papers (kind, degree, year);

-- Events: the feed of the insurer who sees every doctor
WITH event AS (
    INSERT INTO outbox_events (event_id, type, subject, subject_version, doctor_id, payload, occurred_at,
        created_at, sequenced_at)
    SELECT gen_random_uuid(), 'doctor.updated', 'doctor/' || d.id, n, d.id, '{}', now(), now(), now()
    FROM generate_series(1, %(events)s) AS n JOIN bench.doctors AS d ON d.number = n %% %(doctors)s + 1
    RETURNING id, doctor_id
), entry AS (
    INSERT INTO feed_entries (insurance_provider_id, feed_seq, event_id, consent_id, created_at)
    SELECT p.id, row_number() OVER (ORDER BY event.id), event.id, c.id, now()
    FROM event
    JOIN insurance_providers AS p ON p.slug = 'sees-all'
    JOIN doctor_insurance_consent AS c ON c.doctor_id = event.doctor_id AND c.insurance_provider_id = p.id
)
INSERT INTO feed_heads (insurance_provider_id, head)
SELECT id, %(events)s FROM insurance_providers WHERE slug = 'sees-all';
