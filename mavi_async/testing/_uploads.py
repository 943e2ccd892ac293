"""Checks of what is uploaded and not submitted yet: an intent that begins as one not sent."""

import attrs

from mavi_async._records import Intent, IntentState
from mavi_async.testing._expectations import expect
from mavi_async.testing._trial import Trial, check

__all__: list[str] = []


@check(rule=7)
async def upload_is_remembered_under_its_key(trial: Trial) -> None:
    """As the asset that is to be submitted; the submission then takes its place."""
    store = trial.open()
    uploaded = _uploaded(trial, "uploaded")

    expect("begin_intent as NOT_SENT", uploaded, await store.begin_intent(uploaded))
    expect("find_intent", uploaded, await store.find_intent("mine", "k"))
    sending = attrs.evolve(trial.intent("sending", key="k"), asset_id=uploaded.asset_id)
    expect("begin_intent as SENDING", sending, await store.begin_intent(sending))
    expect("get_intent of the upload after it", None, await store.get_intent("uploaded"))
    late = _uploaded(trial, "late")
    expect("begin_intent as NOT_SENT beside it", sending, await store.begin_intent(late))
    expect("find_intent after it", sending, await store.find_intent("mine", "k"))


def _uploaded(trial: Trial, intent_id: str) -> Intent:
    intent = trial.intent(intent_id, key="k")
    return attrs.evolve(intent, asset_id=f"re_{intent_id}", state=IntentState.NOT_SENT)
