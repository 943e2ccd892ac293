local task_id, account, asset_id, submitted_at, intent_id = unpack(ARGV, 3)
prune(A_LITTLE)
if intent_id then
  update_intent(intent_id, 'accepted', task_id)
end
-- It may be put again as one that was submitted at another time.
for _, key in ipairs({ pending, done, uncollected }) do
  call('ZREM', key, task_id)
end
write_job(task_id, account, asset_id, submitted_at)
keep_on()
return 1
