local intent_id, state, task_id = ARGV[3], ARGV[4], ARGV[5]
local is_there = update_intent(intent_id, state, task_id)
keep_on()
return is_there and 1 or 0
