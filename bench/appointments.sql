INSERT INTO appointments (id, doctor_id, insurance_provider_id, location_id,
    external_appointment_id, patient_reference, visit_type, appointment_time, ends_at, local_date,
    lane, capacity, token_number, mode, status, previous_status, status_at, cancel_reason,
    cancel_note, version, created_at, updated_at)
SELECT uuidv7(), d.id, p.id, d.place_id,
    'V-' || s.number || '-' || %(day)s::date || '-' || s.slot,
    -- As long as a sealed reference; nobody opens it.
    decode(repeat('00', 48), 'hex'),
    '', s.starts_at, s.starts_at + s.minutes * interval '1 minute', %(day)s::date,
    0, 1, s.slot + 1, 'IN_PERSON', 'BOOKED', '', now(), '', '', 1, now(), now()
FROM bench.slots_on(%(day)s::date) AS s
JOIN bench.doctors AS d USING (number)
JOIN insurance_providers AS p
    ON p.slug = CASE WHEN s.number %% 20 = 1 AND s.slot %% 2 = 0 THEN 'sees-few' ELSE 'sees-all' END
WHERE s.is_taken
