import json
from typing import Any

from integrations.api.samples.calls import Call, Variable


def written(call: Call) -> str:
    """Write the call for a shell."""
    url = call.url_with(r"$\1")
    command = " \\\n  ".join([f'curl "{url}"', *_options(call)])
    if not call.body or call.is_form:
        return command
    body = {name: _value(value) for name, value in call.body.items()}
    return f"{command}\n{json.dumps(body, indent=2)}\nEOF"


def _options(call: Call) -> list[str]:
    # With a body curl sends POST by itself.
    options = [] if call.method == ("POST" if call.body else "GET") else [f"-X {call.method}"]
    if call.takes_key:
        options.append('-H "Authorization: Bearer $DOCPORT_KEY"')
    if call.happens_once:
        options.append('-H "Idempotency-Key: $(openssl rand -hex 16)"')
    # An ETag has quotes of its own, which the variable holds.
    options += [f'-H "{name}: {_value(value)}"' for name, value in call.headers.items()]
    if call.is_form:
        return options + [
            f'--data-urlencode "{name}={_value(value)}"' for name, value in call.body.items()
        ]
    return options + (['-H "Content-Type: application/json"', "-d @- <<EOF"] if call.body else [])


def _value(value: Any) -> Any:
    return f"${value.name}" if isinstance(value, Variable) else value
