"""What tracking needs: a key that the service takes, a service that answers, clocks that agree. No run is sent."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from importlib import metadata, util

from an_cli.config.launching import WandbMode
from an_cli.mirror import AccountSettings, account_settings
from an_cli.redact import redact
from an_cli.store.checks import Check

ANSWER_S = 5.0
_SKEW_S = 60.0
_VIEWER = b'{"query": "query Viewer { viewer { username entity } }"}'


def checks() -> list[Check]:
    """Look at W&B's settings and service, and whether TensorBoard is there."""
    installed = util.find_spec("tensorboard") is not None
    return [
        _wandb(account_settings()),
        Check(name="TensorBoard", well=None, found="installed" if installed else "not installed: an extra of an-cli"),
    ]


def _wandb(account: AccountSettings) -> Check:
    version = f"wandb {metadata.version('wandb')}"
    if account.off:
        return Check(name="W&B", well=None, found=f"{version}, switched off by its settings (WANDB_MODE)")
    if account.mode is WandbMode.OFFLINE:
        return Check(name="W&B", well=None, found=f"{version}, offline: runs are written to wandb/ of the store")
    if not account.account:
        found = f"{version}, no key for {account.service}: runs are not mirrored"
        return Check(name="W&B", well=None, found=found)
    return _ask(account, version)


def _ask(account: AccountSettings, version: str) -> Check:
    headers = {"Content-Type": "application/json", "User-Agent": "an-cli"}
    if account.key:
        headers["Authorization"] = "Basic " + base64.b64encode(f"api:{account.key}".encode()).decode()
    request = urllib.request.Request(f"{account.service.rstrip('/')}/graphql", data=_VIEWER, headers=headers)
    where = f"{version}, {account.service}"
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            date, body = answer.headers.get("Date"), json.load(answer)
            viewer = (body.get("data") or {}).get("viewer") or {}
    except urllib.error.HTTPError as error:
        refused = error.code in (401, 403)
        now = "wandb login --relogin, or correct WANDB_API_KEY" if refused else "try later; no run waits for it"
        found = f"{where}: {'the key is refused' if refused else f'it answers {error.code}'}"
        return Check(name="W&B", well=False, found=found, now=now)
    except (OSError, ValueError) as error:
        reason = redact(str(getattr(error, "reason", error)))
        return Check(
            name="W&B",
            well=False,
            found=f"{where} does not answer: {reason}",
            now="runs do not wait for it; an-cli sync sends them from a machine that reaches it",
        )
    if (skew := _skew_s(date)) > _SKEW_S:
        found = f"{where} answers, and its clock is {skew:.0f} s from this machine's"
        return Check(name="W&B", well=False, found=found, now="set this machine's clock: uploads are refused otherwise")
    name = viewer.get("username") or "somebody"
    return Check(name="W&B", well=True, found=f"{where} answers, as {name}, entity {viewer.get('entity') or 'none'}")


def _skew_s(date: str | None) -> float:
    """Seconds between the service's clock and this one's; 0 where it does not tell."""
    try:
        return abs(parsedate_to_datetime(date or "").timestamp() - time.time())
    except ValueError:
        return 0.0
