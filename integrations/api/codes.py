"""Every code of an error: what it means, and what to do; none ever changes its meaning."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """What a code means, in words for the engineer who meets it."""

    status: int
    title: str
    detail: str
    fix: str


CODES = {
    "malformed_json": Code(
        400,
        "The body is not JSON",
        "The body could not be read as JSON.",
        "Send one JSON object in UTF-8, without NaN, repeated keys, NUL or lone surrogates.",
    ),
    "invalid_request": Code(
        400,
        "A field or a parameter is not right",
        "See errors for each field.",
        "Correct what each entry of errors points at; unknown fields are refused as well.",
    ),
    "invalid_cursor": Code(
        400,
        "The cursor does not belong to this list",
        "The cursor was altered, is over a day old, or is of another list or other filters.",
        "Start the list again without a cursor.",
    ),
    "unknown_version": Code(
        400,
        "DocPort-Version is not known",
        "There is no version of the API by this name.",
        "Send one from the changelog, or none: then the version holds that your key was made for.",
    ),
    "idempotency_key_missing": Code(
        400,
        "Idempotency-Key is missing",
        "This call needs an Idempotency-Key of 1 to 255 visible ASCII characters.",
        "Send a new random key for each new request, and the same one when you try it again.",
    ),
    "not_authenticated": Code(
        401,
        "No API key and no access token",
        "The call shows neither an API key nor an access token.",
        "Add the header Authorization: Bearer dpk_… or Bearer dpt_…",
    ),
    "invalid_key": Code(
        401,
        "The API key opens nothing",
        "The API key is mistyped, unknown, revoked or out of date.",
        "Check the key; if it has ended, ask for a new one.",
    ),
    "invalid_token": Code(
        401,
        "The access token opens nothing",
        "The access token is unknown or has ended, or its client was revoked.",
        "Get a new one from POST /api/v1/oauth/token; each lasts 15 minutes.",
    ),
    "https_required": Code(
        403,
        "The call came over plain http",
        "Calls are answered over https alone; this one was not looked at.",
        "Call the https address. A key that was sent over http is not secret any more: "
        "ask for a new one.",
    ),
    "key_mode_mismatch": Code(
        403,
        "Test mode and a live insurer, or the other way round",
        "A sandbox insurer uses test keys and clients, and a live one live ones.",
        "Use the key or the client that was made for this mode.",
    ),
    "insurer_suspended": Code(
        403,
        "This insurer is suspended",
        "All calls of this insurer are refused for now.",
        "Talk to the people who run this DocPort.",
    ),
    "scope_missing": Code(
        403,
        "A scope is missing",
        "The key or the access token lacks the scope that this call needs.",
        "Use a key or a token with the scope that the answer names in scope.",
    ),
    "not_found": Code(
        404,
        "Not found",
        "There is nothing here, or nothing that you may see.",
        "Check the id and the path. A doctor who has not opted in to you does not exist for you.",
    ),
    "method_not_allowed": Code(
        405,
        "The method is not allowed here",
        "This path does not take this method.",
        "Use a method from the Allow header.",
    ),
    "slot_taken": Code(
        409,
        "The time is taken",
        "Somebody else has this time.",
        "Book one of next_free, with a new Idempotency-Key.",
    ),
    "external_id_used": Code(
        409,
        "external_appointment_id is in use",
        "You have an appointment with this external_appointment_id already.",
        "Read your appointments, or book under another external_appointment_id.",
    ),
    "too_many_bookings": Code(
        409,
        "Too many open bookings",
        "You have as many open bookings with this doctor on this day as you may.",
        "Book another day, or cancel a booking that is not needed.",
    ),
    "hold_ended": Code(
        409,
        "The hold has ended",
        "The hold was booked or given back, or has run out.",
        "Hold the time again, or book it without a hold.",
    ),
    "hold_already_renewed": Code(
        409,
        "The hold was renewed already",
        "A hold can be renewed once.",
        "Book before expires_at, or hold the time again after it.",
    ),
    "not_movable": Code(
        409,
        "The appointment cannot be moved any more",
        "It has begun, has ended or was cancelled.",
        "Read the appointment for its status.",
    ),
    "not_cancellable": Code(
        409,
        "The appointment cannot be cancelled any more",
        "It has begun or has ended.",
        "Read the appointment for its status.",
    ),
    "already_consented": Code(
        409,
        "This doctor shares with you already",
        "The doctor with this registration number has opted in to you.",
        "Read the consent; the doctor can change what it holds.",
    ),
    "consent_in_force": Code(
        409,
        "The consent is in force",
        "There is nothing to erase while a consent is in force.",
        "Read the consent for its status; the doctor may have opted in again.",
    ),
    "too_many_endpoints": Code(
        409,
        "Too many webhook endpoints",
        "You have as many webhook endpoints as you may.",
        "Delete one that is not needed, or let one take more types of events.",
    ),
    "endpoint_disabled": Code(
        409,
        "The endpoint is disabled",
        "Nothing is sent to this endpoint until it is enabled.",
        "Enable it by PATCH with status ENABLED, then test it.",
    ),
    "not_sent_again": Code(
        409,
        "This delivery is not sent again",
        "It was withheld for want of consent, or its endpoint was deleted.",
        "Read the delivery for its status; read the feed for what happened.",
    ),
    "request_in_flight": Code(
        409,
        "The first try is still running",
        "A request with this Idempotency-Key is being worked on.",
        "Wait as long as Retry-After says and send the same request again.",
    ),
    "feed_expired": Code(
        410,
        "These events are gone",
        "The feed keeps events for 30 days.",
        "Read all doctors and your appointments anew, then read events after head.",
    ),
    "length_required": Code(
        411,
        "Content-Length is missing",
        "A body needs a Content-Length; chunked bodies are not read.",
        "Send the body with a Content-Length.",
    ),
    "version_mismatch": Code(
        412,
        "It has changed meanwhile",
        "What you change is not at the version that If-Match names.",
        "Read it again, and change it with the ETag of that answer.",
    ),
    "body_too_large": Code(
        413,
        "The body is too large",
        "A body may have 256 kB.",
        "Send less.",
    ),
    "unsupported_media_type": Code(
        415,
        "The body is not application/json",
        "Only application/json is read, and nothing compressed.",
        "Send Content-Type: application/json and no Content-Encoding.",
    ),
    "idempotency_key_reused": Code(
        422,
        "Idempotency-Key belongs to another request",
        "This Idempotency-Key was used for another body.",
        "Use a new key for a new request; repeat a request byte for byte.",
    ),
    "hold_mismatch": Code(
        422,
        "The hold is for something else",
        "Your hold is for another doctor, time, place or mode.",
        "Book what the hold keeps, or book without hold_id.",
    ),
    "slot_not_available": Code(
        422,
        "The doctor does not offer this time",
        "See reasons.",
        "Book one of next_free. reasons says why this time is not offered.",
    ),
    "url_refused": Code(
        422,
        "DocPort cannot send to this address",
        "See errors: target_forbidden or dns_error.",
        "Give an https address with a name on the public internet, without a user or a fragment.",
    ),
    "precondition_required": Code(
        428,
        "If-Match is missing",
        "This call needs If-Match with the version that you have read.",
        "Read what you want to change, and send the ETag of that answer as If-Match.",
    ),
    "too_many_consent_requests": Code(
        429,
        "Too many doctors were asked",
        "You have asked as many doctors for consent as you may for now.",
        "Wait as long as Retry-After says. Asking the same number again costs nothing.",
    ),
    "rate_limited": Code(
        429,
        "Too many calls",
        "More calls have come than RateLimit-Policy allows. This one was not looked at.",
        "Wait as long as Retry-After says and send the same request again.",
    ),
    "internal_error": Code(
        500,
        "Something went wrong on our side",
        "The request could not be completed. Nothing is known to be wrong with it.",
        "Try again with the same Idempotency-Key; if it stays, tell us the request_id.",
    ),
    "unavailable": Code(
        503,
        "Try again in a moment",
        "The request could not be completed now. Nothing is wrong with it.",
        "Wait as long as Retry-After says and send the same request again.",
    ),
}
