local task_id = ARGV[3]
local body = call('HGET', bodies, task_id)
if body then
  make_final(task_id)
  keep_on()
end
return body
