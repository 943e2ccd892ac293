"""The commands for many recordings, and their options; modules are loaded when they run."""

from mavi_async.cli._options import Flag, Store, find_token

__all__ = ["listen"]


def listen(
    address: str,
    /,
    *,
    token: str | None = None,
    quiet: Flag = False,
    store: Store = None,
) -> int:
    """Receive callbacks into a store until Ctrl-C or SIGTERM, for commands that run elsewhere.

    The webhook URL in MAVI's console must lead here, over HTTPS. `batch`, `speakers` and `resume`
    then need no receiver of their own, on any host that has the same store. Needs no key. Each
    callback is a line on standard output.

    Args:
        address: Where to receive callbacks, as HOST:PORT.
        token: The secret at the end of the webhook URL; better set as MAVI_CALLBACK_TOKEN, since
            other users of this machine can see options. By default a new one is made and shown.
        quiet: Write nothing about what comes in.
        store: The file or redis:// URL to keep callbacks in; by default MAVI_STORE, or a file in
            your data folder. Better set a URL with a password as MAVI_STORE.
    """
    from mavi_async.cli._listen import ListenOptions, run_listen
    from mavi_async.cli._place import find_place

    return run_listen(ListenOptions(address, find_token(token), quiet), find_place(store))
