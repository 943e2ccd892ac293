-- The arithmetic of `_pacing.py` on a schedule that all hosts share, by the server's clock. It is
-- checked to be the same to the last bits, so keep the order of the operations.

local call = redis.call
local lane, this_call = KEYS[1], KEYS[2]
local deed, asked, given_now = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local LONGEST_PAUSE, HIGHEST_PRESSURE = 32, 64
local WIDENING, GROWTH, NARROWING, RELIEF = 0.03, 1.25, 0.99, 0.9
local SAY_SECONDS, SAY_INTERVALS = 60, 10
local ANSWER_MS, KEEP_MS = 10000, 86400000
local NEVER = -math.huge

local now
if given_now ~= '' then
  now = tonumber(given_now)
else
  local time = call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local pace = {
  next_at = NEVER,
  last_at = false,
  extra = 0,
  pressure = 0,
  refund_at = NEVER,
  interval = 0,
  interval_at = NEVER,
  written_at = NEVER,
  ahead = 0, -- of the server's clock
}
local kept = call('GET', lane)
if kept then
  pace = cmsgpack.unpack(kept)
end
-- The lane's own clock goes on where the server's is set back.
now = now + pace.ahead
if now < pace.written_at then
  pace.ahead = pace.ahead + pace.written_at - now
  now = pace.written_at
end

local function margin(interval)
  return math.min(0.020, interval * math.min(0.02, math.max(0.005, 0.02 * interval)))
end

local function gap(interval)
  return interval + margin(interval) + pace.extra
end

local function not_before(moment)
  pace.next_at = math.max(pace.next_at, moment)
  pace.refund_at = math.max(pace.refund_at, moment)
end

local function give_back(at)
  if pace.last_at ~= at then
    return false
  end
  pace.next_at, pace.last_at = pace.refund_at, false
  return true
end

local function write()
  pace.written_at = now
  local ahead = math.max(0, pace.next_at - now)
  call('SET', lane, cmsgpack.pack(pace), 'PX', string.format('%d', KEEP_MS + 1000 * ahead))
end

local deeds = {}

function deeds.reserve(instead_of)
  local known = call('GET', this_call)
  if known then
    return cmsgpack.unpack(known)
  end
  local valid = math.max(SAY_SECONDS, SAY_INTERVALS * pace.interval)
  if asked >= pace.interval or now - pace.interval_at > valid then
    pace.interval, pace.interval_at = asked, now
  end
  if instead_of then
    give_back(instead_of)
  end
  local at = math.max(now, pace.next_at)
  pace.next_at, pace.last_at, pace.refund_at = at + gap(pace.interval), at, at
  write()
  local ack_clocked = pace.extra > 0.001 * pace.interval
  local answer = {
    string.format('%.17g', at),
    string.format('%.17g', at - now),
    string.format('%.17g', pace.interval),
    ack_clocked and 1 or 0,
  }
  call('SET', this_call, cmsgpack.pack(answer), 'PX', ANSWER_MS)
  return answer
end

function deeds.give_back(at)
  if give_back(at) then
    write()
  end
end

function deeds.left(at, left_at)
  local interval = math.max(asked, pace.interval)
  if left_at - at > margin(interval) then
    not_before(left_at + gap(interval))
    write()
  end
end

function deeds.accepted()
  if pace.extra ~= 0 or pace.pressure ~= 0 then
    pace.extra, pace.pressure = pace.extra * NARROWING, pace.pressure * RELIEF
    write()
  end
end

function deeds.refused(is_certain)
  local interval = math.max(asked, pace.interval)
  local pressure, widest = pace.pressure, is_certain == 1 and LONGEST_PAUSE or interval
  local widened = math.min(widest, GROWTH * pace.extra + WIDENING * interval * 4 ^ pressure)
  local added = math.max(0, widened - pace.extra)
  pace.extra = pace.extra + added
  pace.pressure = math.min(pressure + 1, HIGHEST_PRESSURE)
  if pressure < 1 or is_certain ~= 1 then
    -- What comes next was placed before the gap became wider.
    pace.next_at, pace.refund_at = pace.next_at + added, pace.refund_at + added
  else
    not_before(now + math.min(LONGEST_PAUSE, interval * 2 ^ pressure))
  end
  write()
end

return deeds[deed](tonumber(ARGV[4]), tonumber(ARGV[5])) or 1
