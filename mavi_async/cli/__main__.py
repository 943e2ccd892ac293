"""``python -m mavi_async.cli`` is ``mavi-async``."""

from mavi_async.cli import main

main()
