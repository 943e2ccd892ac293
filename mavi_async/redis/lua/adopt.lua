local intent_id, task_id = ARGV[3], ARGV[4]

return once(function()
  prune(A_LITTLE)
  local intent = read_intent(intent_id)
  if
    not intent
    or state_of(intent) ~= 'unknown'
    or call('HEXISTS', bodies, task_id) == 0
    or call('HEXISTS', jobs, task_id) == 1
  then
    return false
  end
  update_intent(intent_id, 'accepted', task_id)
  write_job(task_id, intent.account, intent.asset_id, intent.created_at)
  return { task_id, intent.account, intent.asset_id, intent.created_at }, true
end)
