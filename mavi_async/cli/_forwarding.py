"""A store behind which another one does the work."""

from mavi_async.stores import TaskStore

__all__ = ["ForwardingStore"]


class ForwardingStore:
    """Does everything as another store does; assign a method to do it in another way.

    Each is named, so that type checkers see when one is missing or of another shape.

    Args:
        store: The other one.
    """

    def __init__(self, store: TaskStore) -> None:
        self.local = store.local
        self.put_callback = store.put_callback
        self.replace_callback = store.replace_callback
        self.get_callback = store.get_callback
        self.pin_callback = store.pin_callback
        self.list_arrived = store.list_arrived
        self.last_callback_at = store.last_callback_at
        self.list_unmatched = store.list_unmatched
        self.list_aside = store.list_aside
        self.watch = store.watch
        self.put_submission = store.put_submission
        self.get_submission = store.get_submission
        self.list_pending = store.list_pending
        self.list_uncollected = store.list_uncollected
        self.list_done = store.list_done
        self.mark_collected = store.mark_collected
        self.forget = store.forget
        self.begin_intent = store.begin_intent
        self.update_intent = store.update_intent
        self.adopt = store.adopt
        self.get_intent = store.get_intent
        self.find_intent = store.find_intent
        self.list_intents = store.list_intents
        self.expire = store.expire
        self.pacer = store.pacer
        self.aclose = store.aclose
