local task_id = ARGV[3]

return once(function()
  local removed = remove_job(task_id) + remove_body(task_id)
  for _, id in ipairs(call('ZRANGE', aside_ages, 0, -1)) do
    if string.match(id, '^(.*):') == task_id then
      removed = removed + remove_aside(id)
    end
  end
  -- ';' is what comes after ':'
  local its = call('ZRANGEBYLEX', intents_of, '[' .. task_id .. ':', '(' .. task_id .. ';')
  for _, each in ipairs(its) do
    removed = removed + remove_intent(string.sub(each, #task_id + 2))
  end
  return removed, removed > 0
end)
