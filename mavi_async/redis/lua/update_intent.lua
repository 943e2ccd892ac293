local intent_id, state, only_if, task_id = ARGV[3], ARGV[4], ARGV[5], ARGV[6]

return once(function()
  local intent = read_intent(intent_id)
  if not intent or (only_if ~= '' and state_of(intent) ~= only_if) then
    return 0
  end
  update_intent(intent_id, state, task_id)
  return 1, true
end)
