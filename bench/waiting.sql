-- Deliveries that wait for some endpoints, of the doctors' events.
WITH event AS (
    INSERT INTO outbox_events (event_id, type, subject, subject_version, doctor_id, payload,
        occurred_at, created_at, sequenced_at)
    SELECT gen_random_uuid(), 'doctor.updated', 'doctor/' || d.id, n + (
        SELECT coalesce(max(subject_version), 0) FROM outbox_events
    ), d.id, '{}', now(), now(), now()
    FROM generate_series(1, %(events)s / (SELECT count(*) FROM doctors)) AS n, doctors AS d
    RETURNING id, type, subject
), entry AS (
    INSERT INTO feed_entries (insurance_provider_id, feed_seq, event_id, created_at)
    SELECT insurance_provider_id, row_number() OVER (
        PARTITION BY insurance_provider_id ORDER BY event.id
    ) + (SELECT coalesce(max(feed_seq), 0) FROM feed_entries), event.id, now()
    FROM event, (
        SELECT * FROM webhook_endpoints ORDER BY id LIMIT %(endpoints)s
    ) AS endpoint
    RETURNING id, insurance_provider_id, event_id
)
INSERT INTO webhook_deliveries (id, endpoint_id, feed_entry_id, event_type, subject, status,
    attempts, next_attempt_at, last_error, created_at, updated_at)
SELECT gen_random_uuid(), endpoint.id, entry.id, event.type, event.subject, 'PENDING', 0, now(),
    '', now(), now()
FROM entry JOIN event ON event.id = entry.event_id
JOIN webhook_endpoints AS endpoint USING (insurance_provider_id)
ORDER BY entry.id
