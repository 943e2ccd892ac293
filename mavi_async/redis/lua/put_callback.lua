local task_id, body, is_seen, channel = ARGV[3], ARGV[4], ARGV[5] == '1', ARGV[6]
local max_unknown, max_unknown_bytes = tonumber(ARGV[7]), tonumber(ARGV[8])
local max_aside, max_aside_bytes = tonumber(ARGV[9]), tonumber(ARGV[10])

local function counted(what)
  return tonumber(call('HGET', counts, what) or 0)
end

-- Returns what had to leave, or nothing where even that is not enough.
local function make_room()
  local too_many = call('ZCARD', unmatched) + 1 - max_unknown
  local too_large = counted('unmatched_bytes') + #body - max_unknown_bytes
  local leaving, evicted = {}, {}
  while too_many > #leaving or too_large > 0 do
    local oldest = call('ZRANGE', unmatched, #leaving, #leaving, 'WITHSCORES')
    if not oldest[1] or now - tonumber(oldest[2]) < YOUNG then
      return nil
    end
    leaving[#leaving + 1] = oldest[1]
    too_large = too_large - call('HSTRLEN', bodies, oldest[1])
  end
  for _, each in ipairs(leaving) do
    evicted[#evicted + 1] = each
    evicted[#evicted + 1] = call('HGET', bodies, each)
    remove_body(each)
  end
  return evicted
end

local function keep_aside()
  local id = task_id .. ':' .. redis.sha1hex(body)
  if call('HSETNX', asides, id, body) == 1 then
    call('ZADD', aside_ages, text(now), id)
    count('aside_bytes', #body)
  end
  while call('ZCARD', aside_ages) > max_aside or counted('aside_bytes') > max_aside_bytes do
    remove_aside(call('ZRANGE', aside_ages, 0, 0)[1])
  end
end

local function keep(known)
  local evicted = {}
  if known == 0 and not is_seen then
    evicted = make_room()
    if not evicted then
      return { 'full' }
    end
    call('ZADD', unmatched, text(now), task_id)
    count('unmatched_bytes', #body)
  end
  call('HSET', bodies, task_id, body)
  call('ZADD', received, text(now), task_id)
  if is_seen then
    call('SADD', seen, task_id)
  end
  if known == 1 then
    file(task_id, call('ZSCORE', pending, task_id))
  end
  call('SET', last, text(now))
  call('PUBLISH', channel, task_id)
  return { 'first', known, false, evicted }, true
end

return once(function()
  prune(A_LITTLE)
  local known = call('HEXISTS', jobs, task_id)
  local first = call('HGET', bodies, task_id)
  if not first then
    return keep(known)
  end
  call('SET', last, text(now))
  if first ~= body then
    keep_aside()
    return { 'other', known, call('SISMEMBER', seen, task_id) == 0 and first, {} }
  end
  if is_seen then
    make_final(task_id)
  end
  return { 'same', known, false, {} }
end)
