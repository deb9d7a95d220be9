-- A booking written by hand: the rows that the insurers' API adds for one, and nothing else.
-- The days lie behind those that `bench.population` filled, so that each slot is free.
\set number random(1, 1000)
\set day random(100, 4000)
\set slot random(0, 15)
BEGIN;
INSERT INTO appointments (id, doctor_id, insurance_provider_id, location_id,
    external_appointment_id, patient_reference, visit_type, appointment_time, ends_at, local_date,
    lane, capacity, token_number, mode, status, previous_status, status_at, cancel_reason,
    cancel_note, version, created_at, updated_at)
SELECT gen_random_uuid(), d.id, ':provider', d.place_id, 'H-:number-:day-:slot',
    decode(repeat('00', 48), 'hex'), '', starts_at, starts_at + interval '15 minutes', current_date,
    0, 1, :slot + 1, 'IN_PERSON', 'BOOKED', '', now(), '', '', 1, now(), now()
FROM bench.doctors AS d,
    LATERAL (SELECT (current_date + :day + time '09:00' + :slot * interval '15 minutes')
        AT TIME ZONE 'Asia/Kolkata' AS starts_at) AS start
WHERE number = :number
RETURNING id AS appointment, doctor_id AS doctor \gset
INSERT INTO audit_logs (id, entity_type, entity_id, doctor_id, action, performed_by_provider_id,
    timestamp, metadata, request_id, ip)
VALUES (gen_random_uuid(), 'appointment', ':appointment', ':doctor', 'appointment.booked',
    ':provider', now(), '{}', md5(':appointment'), '127.0.0.1');
INSERT INTO outbox_events (event_id, type, subject, subject_version, doctor_id,
    insurance_provider_id, payload, occurred_at, created_at)
VALUES (gen_random_uuid(), 'appointment.booked', 'appointment/:appointment', 1, ':doctor',
    ':provider', jsonb_build_object('doctor_id', ':doctor', 'appointment_id', ':appointment'),
    now(), now());
INSERT INTO idempotency_records (id, insurance_provider_id, method, route, key, fingerprint,
    status_code, body, doctor_id, created_at, expires_at)
VALUES (gen_random_uuid(), ':provider', 'POST', '/appointments', ':appointment',
    md5('a') || md5('b'), 201, decode(repeat('00', 520), 'hex'), ':doctor', now(),
    now() + interval '72 hours');
COMMIT;
