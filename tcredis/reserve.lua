-- Books attempts of a quota and says when they may start: it always books, and never
-- refuses. Of any WINDOW no more than the quota is booked. It also takes in what a
-- rejection told. KEYS[1] is all that it touches. Times are microseconds
-- of this server's clock.
--
-- ARGV: how many to book at the most, 0 to look; how many of them may have to wait,
-- at least 1; 1 if the caller sent nothing unbooked in the last
-- second; the quota that the caller knows; the quota that its user set; the count and the
-- quota of a rejection, -1 and 0 if there was none, 0 and 0 if it told no numbers; the
-- census that counted the caller last; how long to keep the key, in ms. 0 is a quota that
-- is not known.
--
-- Returns the quota, the attempts a second times 1000, this census, how many callers it
-- or the one before found, and the wait of each booking.
local SECOND = 1000000
-- A second and what attempts may be delayed against each other on their way
-- without meeting those of the next second: 1 % of the quota is its price.
local WINDOW = 1010000
-- Bookings are remembered by 32nds of a window: those within one count as if all
-- were the last of them.
local CELL = math.floor(WINDOW / 32)
-- After news of the quota, rejections are those of attempts that had started.
local GRACE = 2 * SECOND
-- How long a census takes.
local CENSUS = 5 * SECOND

local time = redis.call('TIME')
local now = time[1] * SECOND + time[2]
local want, ahead = tonumber(ARGV[1]), tonumber(ARGV[2])
local quiet = ARGV[3] == '1'
local known, set = tonumber(ARGV[4]), tonumber(ARGV[5])
local count, told = tonumber(ARGV[6]), tonumber(ARGV[7])

local moments = {
  'seen', -- the last command
  'since', -- when the quota, as rejections tell it, was news
  'at', -- when the rate was right
  'last', 'waited', -- the last booking, the last that had to wait
  'rest', -- nothing is booked before
  'began', -- when the trouble that others make began
  'missed', 'counted', -- the last rejection; the last that counts as a miss
  'look', -- when to look for a raised quota
}
local numbers = {
  'target', 'gap', -- what a rate that was cut recovers to, 0 if it was not; and how far
  'limit', 'rate', -- the quota as rejections tell it; attempts a second
  'holds', 'misses', -- rests in a row; seconds with a rejection
  'looks', -- attempts beyond the quota that found it raised
  'census', 'here', 'were', -- the callers of this one and of the one before
}
local names = {'log'}
for _, name in ipairs(moments) do names[#names + 1] = name end
for _, name in ipairs(numbers) do names[#names + 1] = name end
local s, log, booked = {}, {}, 0
local values = redis.call('HMGET', KEYS[1], unpack(names))
for i = 2, #names do s[names[i]] = tonumber(values[i] or 0) or 0 end
local fresh = not values[1]

-- A clock that went back, as that of a replica may that takes over, takes all
-- moments with it.
local back = math.min(0, now - s.seen)
for _, name in ipairs(moments) do s[name] = s[name] + back end
s.seen = now

-- The log holds when attempts are booked for, and how many then.
for due, n in string.gmatch(values[1] or '', '(%d+) (%d+)') do
  due, n = due + back, tonumber(n)
  if due > now - WINDOW then
    log[#log + 1] = {due, n}
    booked = booked + n
  end
end

local quota
local function settle()
  quota = s.limit
  if set > 0 and (quota == 0 or quota > set) then quota = set end
end
local function lookLater() s.looks, s.look = 0, now + math.max(12, 60 / quota) * SECOND end
local function news(limit)
  s.limit, s.since, s.misses, s.target, s.gap = limit, now, 0, 0, 0
  settle()
  s.rate = quota
  lookLater()
end

if told > 0 and told ~= s.limit then
  news(told)
  -- What is sent in this second is rejected, and nobody knows when it ends.
  if fresh then s.rest = now + math.max(SECOND, WINDOW / quota) end
elseif s.limit == 0 and known > 0 and known ~= set then
  news(known)
end
settle()
local census = math.floor(now / CENSUS)
local function answer(waits)
  return {quota, math.floor(s.rate * 1000), census, math.max(s.here, s.were), unpack(waits)}
end
if quota == 0 or want == 0 then return answer({}) end
if s.target == 0 or s.rate > quota then s.rate = quota end

if s.census ~= census then
  s.were = s.census == census - 1 and s.here or 0
  s.census, s.here = census, 0
end
if tonumber(ARGV[8]) ~= census then s.here = s.here + 1 end

-- A second after the last rejection a rate that was cut recovers along a cubic: fast,
-- then slowly around its target, then faster and faster; and the longer the trouble has
-- lasted, the slower.
if s.rate < quota then
  local span = math.min(math.max(SECOND, s.missed - s.began), 24 * SECOND)
  local function cube(at) return (math.max(0, at - s.missed - SECOND) / span - 1) ^ 3 end
  local creep = (0.04 + 0.004 * s.rate) * (now - s.at) / SECOND
  s.rate = math.min(quota, s.rate + s.gap * (cube(now) - cube(s.at)) + creep)
  if s.rate == quota then s.target, s.gap = 0, 0 end
end
s.at = now

if count >= 0 then
  if s.looks > 0 then s.since = now end
  lookLater()
  if now >= s.rest then
    if now - s.missed > SECOND then s.holds = 0 end
    s.rest = now + math.min(WINDOW / s.rate * 2 ^ s.holds, math.max(SECOND, WINDOW / s.rate))
    s.holds = math.min(s.holds + 1, 10)
  end
  if now - s.since > GRACE and now - s.counted >= SECOND then
    if now - s.counted > 5 * SECOND then s.misses = 0 end
    if now - s.counted >= math.max(8 * SECOND, (s.counted - s.began) / 2) then s.began = now end
    s.misses, s.counted = s.misses + 1, now
    -- Others use the quota too: it is not the jitter of our own attempts, nor one
    -- burst. What they did in this second they need not do in the next.
    if s.rate < quota or s.misses >= 3 then
      local part = told > 0 and math.max(told / count, 0.5) or 0.9
      -- Somebody tries about once a second, whatever the rejections say.
      local floor = 1 / math.max(1, (now - s.began) / SECOND / 4)
      s.target = math.max(s.rate, 0.75 * s.target)
      s.rate = math.min(s.rate, math.max(s.rate * part, floor))
      if s.target <= s.rate then s.target = 2 * s.rate end
      s.gap = s.target - s.rate
    end
  end
  s.missed = now
end

-- remember puts n bookings at a moment, not before any other, into the log.
local function remember(due, n)
  local newest = log[#log]
  if newest and math.floor(newest[1] / CELL) == math.floor(due / CELL) then
    newest[1], newest[2] = due, newest[2] + n
  else
    log[#log + 1] = {due, n}
  end
  booked = booked + n
end

-- Others, or this caller without a booking, may have used the second before: then
-- what is left of the quota counts as used evenly in it.
if (count >= 0 or not quiet or fresh and known > 0) and s.last <= now and booked < quota then
  local own, left = log, quota - booked
  local cells = math.min(left, 32)
  for i = 1, cells do
    local from, to = math.floor(left * (i - 1) / cells), math.floor(left * i / cells)
    own[#own + 1] = {now - WINDOW + math.floor(WINDOW * from / left), to - from}
  end
  table.sort(own, function(a, b) return a[1] < b[1] end)
  log, booked = {}, 0
  for _, run in ipairs(own) do remember(run[1], run[2]) end
end

-- turn returns when the next attempt may start.
local function turn()
  local due, newer = math.max(now, s.last, s.rest), 0
  for i = #log, 1, -1 do
    newer = newer + log[i][2]
    if newer >= quota then
      due = math.max(due, log[i][1] + WINDOW)
      break
    end
  end
  if s.rate < quota then due = math.max(due, s.last + math.floor(WINDOW / s.rate)) end
  return due
end

-- A quota that was raised rejects nothing. While all of it is used, one attempt more
-- looks for that, in three seconds, for one second in seven has room anyway. Then the
-- quota is guessed, until a rejection tells it. looks returns true if the attempt of
-- a moment is such a one.
local function looks(due)
  local looked = false
  if now - s.waited > 1.5 * SECOND then
    lookLater()
  elseif now >= s.look and s.rate >= quota and (set == 0 or quota < set) then
    if s.looks < 3 then
      s.looks, looked = s.looks + 1, true
    else
      s.limit = quota + math.ceil(quota / 2)
      settle()
      s.rate = quota
    end
    s.look = due + 1.5 * SECOND
  end
  return looked
end

local waits = {}
while #waits < want do
  local due = turn()
  if due > now then
    if ahead == 0 then break end
    ahead = ahead - 1
    s.waited = now
  end
  if not looks(due) then remember(due, 1) end
  s.last = due
  waits[#waits + 1] = math.ceil(due - now)
end

-- Of more bookings than the quota the first ones matter no more.
local first = 1
while first < #log and booked - log[first][2] >= quota do
  booked = booked - log[first][2]
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
return answer(waits)
