"""One log format for every process; each line carries its `request_id`."""

import logging

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
]


def request_in_words(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Write a request as people read it: `GET /hours/ 200 in 41 ms`; machines get the fields."""
    if event.get("event") == "request":
        line = "{method} {path} {status} in {ms} ms".format_map(event)
        return {
            "timestamp": event["timestamp"],
            "level": event["level"],
            "event": line,
            "request_id": event["request_id"],
        }
    return event


def formatter(*, as_json: bool) -> logging.Formatter:
    """Give the formatter that settings.LOGGING names; JSON for machines, text for people."""
    shared = [*_SHARED, _timestamp(as_json=as_json)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *_renderers(as_json=as_json),
        ],
    )


def _timestamp(*, as_json: bool) -> Processor:
    return structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json)


def _renderers(*, as_json: bool) -> list[Processor]:
    if as_json:
        return [structlog.processors.JSONRenderer()]
    plain = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False)
    return [request_in_words, plain]
