"""Judge whether an insurer's system takes what DocPort sends, as the guides say it should.

`sandbox` sends as DocPort does, through the guarded client; `webhooks` and `push` hold the checks,
each with a name that stays; `runner` goes through them and skips what a failure makes pointless.
"""

from integrations.conformance.runner import CHECKS, Result, has_passed, run
from integrations.conformance.sandbox import Keys, Sandbox

__all__ = ["CHECKS", "Keys", "Result", "Sandbox", "has_passed", "run"]
