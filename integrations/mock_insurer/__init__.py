"""A small insurer, complete enough to copy: what an insurer builds to work with DocPort.

It is a program of its own. It keeps its own SQLite database, speaks with DocPort over HTTP alone,
and imports nothing of DocPort's. Read it in this order:

1. `signatures.py` proves that a message is DocPort's (Standard Webhooks, 25 lines). Check it
   before you look at anything else of a message.
2. `receiver.py` takes what DocPort calls at `api_base_url`, and at the webhook endpoint:

       PUT    /docport/doctors/{id}                the doctor's whole profile, replacing yours
       PUT    /docport/doctors/{id}/availability   the whole weekly hours, replacing yours
       DELETE /docport/doctors/{id}                the doctor left you: erase your copy
       GET    /docport/doctors/{id}                the state you hold, so that drift is found
       POST   /docport/webhooks                    an event: something happened, look

   Each PUT carries the whole state and a `DocPort-Version` that only grows, so a lost or doubled
   message does no harm: keep the newest, answer 409 to an older one. Events come at least once:
   remember `webhook-id` and answer 2xx to one that you know. Answer first and work afterwards;
   an event says what changed, and the API says what it is now.
3. `client.py` is what you call: free times of one doctor or the earliest of all, holding and
   booking with an `Idempotency-Key`, moving with `If-Match`, cancelling.
4. `bookings.py` joins the two: book, move, cancel, and look again when an event says so.
5. `desk.py` is what a clerk does with that: find a time, hold it while the patient is asked, book
   it, and later move or cancel it. `desk_pages.py` shows it.
6. `consents.py` asks doctors for consent; `erasures.py` tells DocPort when what a doctor had shown,
   who opted out, is erased.
7. `store.py` is the database; `pages.py`, `markup.py` and `server.py` show it at `/`. `GET
   /mirror.json`, `/events.json`, `/bookings.json` and `POST /book.json` are for scripts.

Everything else makes it misbehave on command, to see how DocPort, or your own tests, take it:
`behaviour.py` says how, `control.py` is told so, `report.py` keeps what was seen.

    PUT    /control/behaviour    such as {"status": 503, "retry_after": "5", "times": 3}, or
                                 {"delay_seconds": 20}, {"drip_seconds": 1}, {"tls": "untrusted"},
                                 {"redirect_to": "/elsewhere"}, {"neglects": ["signatures"]};
                                 {} is good behaviour again
    GET    /control/report       every webhook-id with its attempts, signature and order, what is
                                 held, and the counts; with ?summary=1 the counts alone
    DELETE /control/report       start the report afresh
    DELETE /control/database     lose everything that is held

Run one beside DocPort, with a name and secrets from the file that `manage.py demo` writes:

    python -m integrations.mock_insurer --slug <insurer> --port 8001 --demo-file var/demo.json

It listens on 127.0.0.1 only and has no sign-in: it is for development, never for real patients.
"""
