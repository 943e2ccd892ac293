local place = place_of_key({ account = ARGV[3], idempotency_key = ARGV[4] })
return told(read_intent(call('HGET', intent_keys, place))) or false
