import json
from textwrap import indent
from typing import Any

from integrations.api.samples.calls import Call, Variable

_STEP = "    "


def written(call: Call) -> str:
    """Write the call for Python and its library requests."""
    arguments = "".join(indent(one, _STEP) + ",\n" for one in _arguments(call))
    imports = "import os\nimport uuid" if call.happens_once else "import os"
    shown = "response.json()" if call.has_answer else "response.status_code"
    return (
        f"{imports}\n\nimport requests\n\n"
        f"response = requests.{call.method.lower()}(\n{arguments})\n"
        f"response.raise_for_status()\nprint({shown})"
    )


def _arguments(call: Call) -> list[str]:
    url = call.url_with(r"{os.environ['\1']}")
    arguments = [f'{"" if url == call.url else "f"}"{url}"']
    headers = {name: _value(value) for name, value in call.headers.items()}
    if call.takes_key:
        headers["Authorization"] = "f\"Bearer {os.environ['DOCPORT_KEY']}\""
    if call.happens_once:
        headers["Idempotency-Key"] = "str(uuid.uuid4())"
    if headers:
        arguments.append(f"headers={_dict(headers)}")
    if call.body:
        body = {name: _value(value) for name, value in call.body.items()}
        arguments.append(f"{'data' if call.is_form else 'json'}={_dict(body)}")
    return [*arguments, "timeout=20"]


def _dict(entries: dict[str, str]) -> str:
    lines = [f'{_STEP}"{name}": {value},\n' for name, value in entries.items()]
    return "{\n" + "".join(lines) + "}"


def _value(value: Any) -> str:
    if isinstance(value, Variable):
        return f'os.environ["{value.name}"]'
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    # JSON writes texts in double quotes, as these samples do.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
