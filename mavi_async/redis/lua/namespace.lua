-- What the scripts of a namespace share. Its keys come by name from `NAMES` in `_scripts.py`.
-- Bodies and texts are strings, moments are strings with 17 digits: answers have no fractions.

local MAKES = { HSET = true, HSETNX = true, SADD = true, ZADD = true }
local written = {}

-- Notes the keys that something was added to: each of them may be new.
local function call(command, ...)
  local answer = redis.call(command, ...)
  if MAKES[command] and answer > 0 then
    written[(...)] = true
  end
  return answer
end

local this_call = KEYS[#KEYS]
local ttl, given_now = tonumber(ARGV[1]), ARGV[2]

local A_LITTLE = 8 -- more than come in with one call, so that pruning never falls behind
local YOUNG = 600
local ANSWER_MS = 10000 -- longer than anybody sends a call again

local in_state = { sending = sending, accepted = accepted, not_sent = not_sent, unknown = unknown }

local function present()
  if given_now ~= '' then
    return tonumber(given_now)
  end
  local time = call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local now = present()

local function text(number)
  return string.format('%.17g', number)
end

-- Everything goes by itself twice the time after the last change, should nobody come by again.
-- All keys go at once: one by one, what counts others would be wrong for a while.
local function keep_on()
  local left = call('PTTL', counts)
  if left < ttl * 1000 then
    call('HSETNX', counts, 'format', 1)
    for index = 1, #KEYS - 1 do
      if KEYS[index] ~= last then
        call('PEXPIRE', KEYS[index], string.format('%d', ttl * 2000))
      end
    end
    return
  end
  for key in pairs(written) do
    if call('PTTL', key) == -1 then
      call('PEXPIRE', key, string.format('%d', left))
    end
  end
end

-- A call whose answer got lost is sent again: it gets the answer, and nothing is done twice.
local function once(change)
  local kept = call('GET', this_call)
  if kept then
    return cmsgpack.unpack(kept)
  end
  local answer, is_changed = change()
  keep_on()
  if is_changed then
    call('SET', this_call, cmsgpack.pack(answer), 'PX', ANSWER_MS)
  end
  return answer
end

-- Bodies

local function count(what, change)
  call('HINCRBY', counts, what, string.format('%d', change))
end

local function claim(task_id)
  if call('ZREM', unmatched, task_id) == 1 then
    count('unmatched_bytes', -call('HSTRLEN', bodies, task_id))
  end
end

local function remove_body(task_id)
  claim(task_id)
  call('ZREM', received, task_id)
  call('SREM', seen, task_id)
  return call('HDEL', bodies, task_id)
end

local function make_final(task_id)
  call('SADD', seen, task_id)
  claim(task_id)
end

local function remove_aside(id)
  count('aside_bytes', -call('HSTRLEN', asides, id))
  call('ZREM', aside_ages, id)
  return call('HDEL', asides, id)
end

-- Jobs

local function file(task_id, submitted_at)
  if call('HEXISTS', bodies, task_id) == 0 then
    call('ZADD', pending, submitted_at, task_id)
    return
  end
  call('ZREM', pending, task_id)
  call('ZADD', done, submitted_at, task_id)
  if call('SISMEMBER', collected, task_id) == 0 then
    call('ZADD', uncollected, submitted_at, task_id)
  end
end

local function read_job(task_id)
  local packed = call('HGET', jobs, task_id)
  if packed then
    local account, asset_id, submitted_at = unpack(cmsgpack.unpack(packed))
    return { task_id, account, asset_id, submitted_at }
  end
end

local function write_job(task_id, account, asset_id, submitted_at)
  if call('HSET', jobs, task_id, cmsgpack.pack({ account, asset_id, submitted_at })) == 1 then
    call('ZADD', job_ages, text(now), task_id)
  end
  claim(task_id)
  file(task_id, submitted_at)
end

local function remove_job(task_id)
  for _, key in ipairs({ job_ages, pending, done, uncollected }) do
    call('ZREM', key, task_id)
  end
  call('SREM', collected, task_id)
  return call('HDEL', jobs, task_id)
end

-- Intents

local function place_of_key(intent)
  return #intent.account .. ':' .. intent.account .. intent.idempotency_key
end

local function read_intent(intent_id)
  local packed = intent_id and call('HGET', intents, intent_id)
  return packed and cmsgpack.unpack(packed)
end

local function state_of(intent)
  if intent.state == 'sending' and now > tonumber(intent.expires_at) then
    return 'unknown'
  end
  return intent.state
end

local function write_intent(intent)
  local id = intent.intent_id
  call('HSET', intents, id, cmsgpack.pack(intent))
  call('ZADD', in_state[intent.state], intent.created_at, id)
  if intent.task_id then
    call('ZADD', intents_of, 0, intent.task_id .. ':' .. id)
  end
  if intent.idempotency_key then
    call('HSET', intent_keys, place_of_key(intent), id)
  end
end

local function remove_intent(intent_id)
  local intent = read_intent(intent_id)
  if not intent then
    return 0
  end
  call('ZREM', in_state[intent.state], intent_id)
  call('ZREM', intent_ages, intent_id)
  if intent.task_id then
    call('ZREM', intents_of, intent.task_id .. ':' .. intent_id)
  end
  if intent.idempotency_key then
    call('HDEL', intent_keys, place_of_key(intent))
  end
  return call('HDEL', intents, intent_id)
end

local function update_intent(intent_id, state, task_id)
  local intent = read_intent(intent_id)
  if not intent then
    return
  end
  call('ZREM', in_state[intent.state], intent_id)
  if task_id and intent.task_id then
    call('ZREM', intents_of, intent.task_id .. ':' .. intent_id)
  end
  intent.state, intent.task_id = state, task_id or intent.task_id
  write_intent(intent)
end

local function told(intent)
  return intent
    and {
      intent.intent_id,
      intent.account,
      intent.asset_id,
      state_of(intent),
      intent.created_at,
      intent.expires_at,
      intent.idempotency_key or false,
      intent.task_id or false,
      intent.endpoint,
    }
end

-- What is past its time

local function prune(most)
  local before, removed = text(now - ttl), 0
  local function oldest(ages)
    return call('ZRANGEBYSCORE', ages, '-inf', before, 'LIMIT', 0, most)
  end
  for _, id in ipairs(oldest(aside_ages)) do
    removed = removed + remove_aside(id)
  end
  for _, task_id in ipairs(oldest(received)) do
    -- A job that was adopted is kept for longer than its callback: it is not pending again.
    removed = removed + remove_job(task_id) + remove_body(task_id)
  end
  for _, task_id in ipairs(oldest(job_ages)) do
    removed = removed + remove_job(task_id)
  end
  for _, intent_id in ipairs(oldest(intent_ages)) do
    removed = removed + remove_intent(intent_id)
  end
  return removed
end
