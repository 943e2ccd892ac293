local task_id, old, new = ARGV[3], ARGV[4], ARGV[5]

return once(function()
  if call('HGET', bodies, task_id) ~= old or call('SISMEMBER', seen, task_id) == 1 then
    return 0
  end
  if call('ZSCORE', unmatched, task_id) then
    count('unmatched_bytes', #new - #old)
  end
  call('HSET', bodies, task_id, new)
  return 1, true
end)
