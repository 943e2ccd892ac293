"""An emulator in a process of its own: the options come as JSON, and it ends with its input."""

import json
import sys

from mavi_async.emulator import Emulator

with Emulator(**json.loads(sys.argv[1])) as emulator:
    facts = {
        "base_url": emulator.base_url,
        "control_url": emulator.control_url,
        "api_key": emulator.api_key,
    }
    print(json.dumps(facts), flush=True)  # noqa: T201 - this is how the test learns them
    sys.stdin.read()
