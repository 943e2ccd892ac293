-- The same one again changes nothing but its time, so this may well be done twice.
local fields = {}
for index = 3, #ARGV, 2 do
  fields[ARGV[index]] = ARGV[index + 1]
end
prune(A_LITTLE)
local own = read_intent(fields.intent_id)
if own and own.state == 'accepted' then
  return told(own)
end
if fields.idempotency_key then
  local earlier = read_intent(call('HGET', intent_keys, place_of_key(fields)))
  if earlier and earlier.intent_id ~= fields.intent_id then
    if state_of(earlier) ~= 'not_sent' then
      return told(earlier)
    end
    remove_intent(earlier.intent_id)
  end
end
remove_intent(fields.intent_id)
write_intent(fields)
call('ZADD', intent_ages, text(now), fields.intent_id)
keep_on()
return false
