-- The arithmetic of `_pacing.py` on a schedule that all hosts share, by the server's clock. It is
-- checked to be the same to the last bits, so keep the order of the operations.

local call = redis.call
local lane, this_call = KEYS[1], KEYS[2]
local deed, asked, given_now = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local LONGEST_PAUSE, HIGHEST_PRESSURE = 32, 64
local WIDENING, GROWTH, NARROWING, RELIEF = 0.03, 1.25, 0.99, 0.9
local NOTHING = 1e-6
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
  number = 0,
  last_at = false,
  extra = 0,
  pressure = 0,
  held_from = 0,
  held_to = 0,
  held_until = NEVER,
  answered = 0,
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

local function earliest(interval, number)
  if number < pace.held_from or number > pace.held_to then
    return NEVER
  end
  return pace.held_until + (number - pace.held_from) * gap(interval)
end

local function first_to_come(interval, moment)
  local to_come = math.ceil(math.max(0, pace.next_at - moment) / gap(interval))
  local first = pace.number + 1 - math.min(pace.number, to_come)
  return pace.held_until > moment and math.max(first, pace.held_from) or first
end

local function hold(interval, number, moment, present)
  local first = math.max(number, first_to_come(interval, present))
  local latest = math.max(first, pace.held_from)
  if moment + (latest - first) * gap(interval) >= earliest(interval, latest) then
    pace.held_from, pace.held_to, pace.held_until = first, pace.number, moment
  end
  local following = pace.held_until + (pace.number + 1 - pace.held_from) * gap(interval)
  pace.next_at = math.max(pace.next_at, following)
end

local function give_back(interval, number)
  if not pace.last_at or pace.number ~= number then
    pace.answered = math.max(pace.answered, number)
    return
  end
  pace.next_at = math.max(pace.last_at, earliest(interval, number))
  pace.number, pace.last_at = number - 1, false
end

local function is_ack_clocked(interval)
  return pace.extra > 0.001 * interval
end

local is_written = false

local function write()
  is_written = true
  pace.written_at = now
  local ahead = math.max(0, pace.next_at - now)
  call('SET', lane, cmsgpack.pack(pace), 'PX', string.format('%d', KEEP_MS + 1000 * ahead))
end

local function exactly(seconds)
  return string.format('%.17g', seconds)
end

local deeds = {}

function deeds.reserve(lead, instead_of)
  local valid = math.max(SAY_SECONDS, SAY_INTERVALS * pace.interval)
  if asked >= pace.interval or now - pace.interval_at > valid then
    pace.interval, pace.interval_at = asked, now
  end
  if instead_of then
    give_back(pace.interval, instead_of)
  end
  local at = math.max(now + lead, pace.next_at)
  pace.next_at, pace.number, pace.last_at = at + gap(pace.interval), pace.number + 1, at
  write()
  return {
    string.format('%d', pace.number),
    exactly(at),
    exactly(pace.interval),
    is_ack_clocked(pace.interval) and 1 or 0,
    exactly(now),
  }
end

function deeds.confirm(number, at)
  local interval = math.max(asked, pace.interval)
  local waits = is_ack_clocked(interval) and pace.answered < number - 1
  return { exactly(math.max(at, earliest(interval, number))), waits and 1 or 0, exactly(now) }
end

function deeds.give_back(number)
  give_back(math.max(asked, pace.interval), number)
  write()
end

function deeds.left(number, at, left_at)
  local interval = math.max(asked, pace.interval)
  if left_at - at > margin(interval) then
    hold(interval, number + 1, left_at + gap(interval), now)
    write()
  end
end

function deeds.accepted(number)
  if pace.extra ~= 0 or pace.pressure ~= 0 then
    pace.answered = math.max(pace.answered, number)
    pace.extra, pace.pressure = pace.extra * NARROWING, pace.pressure * RELIEF
    pace.extra = pace.extra > NOTHING and pace.extra or 0
    pace.pressure = pace.pressure > NOTHING and pace.pressure or 0
    write()
  end
end

function deeds.refused(number, at, is_certain)
  local interval = math.max(asked, pace.interval)
  local pressure, widest = pace.pressure, is_certain == 1 and LONGEST_PAUSE or interval
  local widened = math.min(widest, GROWTH * pace.extra + WIDENING * interval * 4 ^ pressure)
  pace.extra = math.max(pace.extra, widened)
  pace.pressure = math.min(pressure + 1, HIGHEST_PRESSURE)
  pace.answered = math.max(pace.answered, number)
  if pressure < 1 or is_certain ~= 1 then
    -- What comes next was placed before the gap became wider.
    hold(interval, number + 1, at + gap(interval), now)
  else
    hold(interval, number + 1, now + math.min(LONGEST_PAUSE, interval * 2 ^ pressure), now)
  end
  write()
end

function deeds.lost(number)
  if pace.extra ~= 0 then
    pace.answered = math.max(pace.answered, number)
    write()
  end
end

-- A call whose answer got lost is sent again: it gets the answer, and nothing is done twice.
local known = deed ~= 'confirm' and call('GET', this_call)
if known then
  return cmsgpack.unpack(known)
end
local answer = deeds[deed](tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])) or 1
if is_written then
  call('SET', this_call, cmsgpack.pack(answer), 'PX', ANSWER_MS)
end
return answer
