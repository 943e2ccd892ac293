for index = 3, #ARGV do
  local task_id = ARGV[index]
  if call('HEXISTS', jobs, task_id) == 1 then
    call('SADD', collected, task_id)
    call('ZREM', uncollected, task_id)
  end
end
keep_on()
return 1
