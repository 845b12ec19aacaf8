-- Reserves attempts within a rate limit and returns when they may start: a reservation is
-- always made and never refused. In any WINDOW no more than the limit is reserved. The script
-- also learns from throttling responses. It uses KEYS[1] only. Times are microseconds of this
-- server's clock.
--
-- ARGV: the most reservations, 0 to read only; how many of them may have to wait, at least 1;
-- 1 if the caller sent nothing without a reservation in the last second; the limit that the
-- caller has learned; the limit that its user configured; the count and the limit of a
-- throttling response, -1 and 0 if there was none, 0 and 0 if it had no numbers; the last
-- census that counted the caller; when the key expires, in ms. A limit of 0 is not known.
--
-- Returns the limit, the attempts per second times 1000, the number of this census, how many
-- callers it or the one before has counted, and the wait of each reservation.
local SECOND = 1000000
-- A second, and the difference of two attempts' network delays that keeps them out of the
-- next second: it costs 1 % of the limit.
local WINDOW = 1010000
-- Reservations are logged by 32nds of a window: those within one count as the last of them.
local CELL = math.floor(WINDOW / 32)
-- For so long after a new limit, throttled attempts are those that had started before.
local GRACE = 2 * SECOND
-- How long a census takes, which counts the processes.
local CENSUS = 5 * SECOND

local time = redis.call('TIME')
local now = time[1] * SECOND + time[2]
local most, ahead = tonumber(ARGV[1]), tonumber(ARGV[2])
local quiet = ARGV[3] == '1'
local learned, configured = tonumber(ARGV[4]), tonumber(ARGV[5])
local count, stated = tonumber(ARGV[6]), tonumber(ARGV[7])

local times = {
  'seen', -- when the last command came
  'limit_since', -- when throttling responses last changed the limit
  'rate_at', -- when the rate was last updated
  'last_start', 'last_wait', -- the last reservation; the last that had to wait
  'rest_until', -- nothing starts before
  'congested_since', -- when the congestion by others began
  'throttled_at', 'miss_at', -- the last throttling response; the last that counts as a miss
  'probe_at', -- when to probe for a raised limit
}
local numbers = {
  'target', 'gap', -- the rate to recover to, 0 if it was not cut; target less the cut rate
  'limit', 'rate', -- the limit that throttling responses state; attempts per second
  'rests', 'misses', -- rests in a row; seconds with a miss
  'probes', -- probes in a row that were not throttled
  'census', 'callers', 'callers_before', -- its number; the callers of this one and of the one before
}
local names = {'log'}
for _, name in ipairs(times) do names[#names + 1] = name end
for _, name in ipairs(numbers) do names[#names + 1] = name end
local s, log, reserved = {}, {}, 0
local values = redis.call('HMGET', KEYS[1], unpack(names))
for i = 2, #names do s[names[i]] = tonumber(values[i] or 0) or 0 end
local new_key = not values[1]

-- If the clock went back, as that of a replica that takes over may, all stored times go back
-- with it.
local back = math.min(0, now - s.seen)
for _, name in ipairs(times) do s[name] = s[name] + back end
s.seen = now

-- The log contains the start times that are reserved, and how many attempts for each.
for due, n in string.gmatch(values[1] or '', '(%d+) (%d+)') do
  due, n = due + back, tonumber(n)
  if due > now - WINDOW then
    log[#log + 1] = {due, n}
    reserved = reserved + n
  end
end

local limit
local function apply_limits()
  limit = s.limit
  if configured > 0 and (limit == 0 or limit > configured) then limit = configured end
end
local function postpone_probe() s.probes, s.probe_at = 0, now + math.max(12, 60 / limit) * SECOND end
local function set_limit(value)
  s.limit, s.limit_since, s.misses, s.target, s.gap = value, now, 0, 0, 0
  apply_limits()
  s.rate = limit
  postpone_probe()
end

if stated > 0 and stated ~= s.limit then
  set_limit(stated)
  -- Attempts of this second are throttled, and its end is not known.
  if new_key then s.rest_until = now + math.max(SECOND, WINDOW / limit) end
elseif s.limit == 0 and learned > 0 and learned ~= configured then
  set_limit(learned)
end
apply_limits()
local census = math.floor(now / CENSUS)
local function reply(waits)
  return {limit, math.floor(s.rate * 1000), census, math.max(s.callers, s.callers_before), unpack(waits)}
end
if limit == 0 or most == 0 then return reply({}) end
if s.target == 0 or s.rate > limit then s.rate = limit end

if s.census ~= census then
  s.callers_before = s.census == census - 1 and s.callers or 0
  s.census, s.callers = census, 0
end
if tonumber(ARGV[8]) ~= census then s.callers = s.callers + 1 end

-- From a second after the last throttling response on, a rate that was cut recovers along a
-- cubic curve: fast, then slowly around its target, then faster and faster; and the longer
-- the congestion has lasted, the slower.
if s.rate < limit then
  local span = math.min(math.max(SECOND, s.throttled_at - s.congested_since), 24 * SECOND)
  local function cubic(at) return (math.max(0, at - s.throttled_at - SECOND) / span - 1) ^ 3 end
  local steady = (0.04 + 0.004 * s.rate) * (now - s.rate_at) / SECOND
  s.rate = math.min(limit, s.rate + s.gap * (cubic(now) - cubic(s.rate_at)) + steady)
  if s.rate == limit then s.target, s.gap = 0, 0 end
end
s.rate_at = now

if count >= 0 then
  if s.probes > 0 then s.limit_since = now end
  postpone_probe()
  if now >= s.rest_until then
    if now - s.throttled_at > SECOND then s.rests = 0 end
    s.rest_until = now + math.min(WINDOW / s.rate * 2 ^ s.rests, math.max(SECOND, WINDOW / s.rate))
    s.rests = math.min(s.rests + 1, 10)
  end
  if now - s.limit_since > GRACE and now - s.miss_at >= SECOND then
    if now - s.miss_at > 5 * SECOND then s.misses = 0 end
    if now - s.miss_at >= math.max(8 * SECOND, (s.miss_at - s.congested_since) / 2) then s.congested_since = now end
    s.misses, s.miss_at = s.misses + 1, now
    -- Others use the limit too: it is neither the jitter of our own attempts nor one burst.
    -- A single second of theirs says little about the next, so the cut is limited.
    if s.rate < limit or s.misses >= 3 then
      local part = stated > 0 and math.max(stated / count, 0.5) or 0.9
      -- About one attempt per second is made, whatever the responses.
      local floor = 1 / math.max(1, (now - s.congested_since) / SECOND / 4)
      s.target = math.max(s.rate, 0.75 * s.target)
      s.rate = math.min(s.rate, math.max(s.rate * part, floor))
      if s.target <= s.rate then s.target = 2 * s.rate end
      s.gap = s.target - s.rate
    end
  end
  s.throttled_at = now
end

-- log_reservation appends n reservations for a time that is not before any other to the log.
local function log_reservation(due, n)
  local newest = log[#log]
  if newest and math.floor(newest[1] / CELL) == math.floor(due / CELL) then
    newest[1], newest[2] = due, newest[2] + n
  else
    log[#log + 1] = {due, n}
  end
  reserved = reserved + n
end

-- Others, or this caller without reservations, may have used the second before: then the
-- rest of the limit counts as used evenly in it.
if (count >= 0 or not quiet or new_key and learned > 0) and s.last_start <= now and reserved < limit then
  local own, left = log, limit - reserved
  local cells = math.min(left, 32)
  for i = 1, cells do
    local from, to = math.floor(left * (i - 1) / cells), math.floor(left * i / cells)
    own[#own + 1] = {now - WINDOW + math.floor(WINDOW * from / left), to - from}
  end
  table.sort(own, function(a, b) return a[1] < b[1] end)
  log, reserved = {}, 0
  for _, run in ipairs(own) do log_reservation(run[1], run[2]) end
end

-- next_start returns when the next attempt may start.
local function next_start()
  local due, newer = math.max(now, s.last_start, s.rest_until), 0
  for i = #log, 1, -1 do
    newer = newer + log[i][2]
    if newer >= limit then
      due = math.max(due, log[i][1] + WINDOW)
      break
    end
  end
  if s.rate < limit then due = math.max(due, s.last_start + math.floor(WINDOW / s.rate)) end
  return due
end

-- A limit that was raised throttles nothing. While all of the limit is used, one extra attempt
-- probes for that, in three seconds, because one second in seven has room anyway. Then the
-- limit is guessed, until a throttling response states it. is_probe returns true if the
-- attempt that starts at a time is such a probe.
local function is_probe(due)
  local probe = false
  if now - s.last_wait > 1.5 * SECOND then
    postpone_probe()
  elseif now >= s.probe_at and s.rate >= limit and (configured == 0 or limit < configured) then
    if s.probes < 3 then
      s.probes, probe = s.probes + 1, true
    else
      s.limit = limit + math.ceil(limit / 2)
      apply_limits()
      s.rate = limit
    end
    s.probe_at = due + 1.5 * SECOND
  end
  return probe
end

local waits = {}
while #waits < most do
  local due = next_start()
  if due > now then
    if ahead == 0 then break end
    ahead = ahead - 1
    s.last_wait = now
  end
  if not is_probe(due) then log_reservation(due, 1) end
  s.last_start = due
  waits[#waits + 1] = math.ceil(due - now)
end

-- Of more reservations than the limit the first ones have no effect any more.
local first = 1
while first < #log and reserved - log[first][2] >= limit do
  reserved = reserved - log[first][2]
  first = first + 1
end
local runs = {}
for i = first, #log do runs[#runs + 1] = string.format('%.0f %d', log[i][1], log[i][2]) end
local fields = {'log', table.concat(runs, ' ')}
for i = 2, #names do
  fields[#fields + 1] = names[i]
  fields[#fields + 1] = string.format('%.17g', s[names[i]])
end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('PEXPIRE', KEYS[1], ARGV[9])
return reply(waits)
