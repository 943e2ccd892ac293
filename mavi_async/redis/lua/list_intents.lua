local state, found = ARGV[3], {}

local function look_in(key)
  for _, intent_id in ipairs(call('ZRANGE', key, 0, -1)) do
    local intent = read_intent(intent_id)
    if intent and state_of(intent) == state then
      found[#found + 1] = told(intent)
    end
  end
end

look_in(in_state[state])
if state == 'unknown' then
  look_in(sending) -- some of them are past their time
end
return found
