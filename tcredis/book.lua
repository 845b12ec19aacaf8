-- Books one attempt of a quota and says when it may start: GCRA (a leaky bucket
-- kept as the time of its next drop), which never refuses. It also takes in what
-- a rejection told. KEYS[1] is all that it touches. Times are microseconds of
-- this server's clock.
--
-- ARGV: 1 to book, 0 to look; 1 if the caller sent nothing unbooked in the last
-- second; the quota that the caller knows; the quota that its user set; the count
-- and the quota of a rejection, -1 and 0 if there was none, 0 and 0 if it told no
-- numbers; the attempts that the API accepted and that were not told yet; how long
-- to keep the key, in ms. 0 is a quota that is not known.
--
-- Returns the quota, the attempts a second times 1000, the wait, and how many
-- attempts of all callers were accepted.
local SECOND = 1000000
-- A second and what attempts may be delayed against each other on their way
-- without meeting those of the next second: 0.7 % of the quota is its price.
local WINDOW = 1007000
-- After news of the quota, rejections are those of attempts that had started.
local GRACE = 2 * SECOND

local time = redis.call('TIME')
local now = time[1] * SECOND + time[2]
local booking, quiet = ARGV[1] == '1', ARGV[2] == '1'
local known, set = tonumber(ARGV[3]), tonumber(ARGV[4])
local count, told = tonumber(ARGV[5]), tonumber(ARGV[6])

local names = {
  'limit', 'since', -- the quota as rejections tell it, and when that was news
  'rate', 'at', -- attempts a second, and when that was right
  'next', 'last', -- the next regular booking, the last one
  'base', 'burst', -- when a second began after a silent one, and its bookings
  'rest', 'holds', -- nothing is booked before; rests in a row
  'missed', 'misses', 'counted', -- the last rejection; seconds with one; the last of them
  'accepted', -- attempts of all
  'looks', 'look', -- attempts beyond the quota that found it raised; when to look again
}
local s, fresh = {}, false
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
  s[names[i]] = tonumber(value or 0)
  if i == 1 and not value then fresh = true end
end

local quota
local function settle()
  quota = s.limit
  if set > 0 and (quota == 0 or quota > set) then quota = set end
end
local function lookLater() s.looks, s.look = 0, now + math.max(12, 60 / quota) * SECOND end
local function news(limit)
  s.limit, s.since, s.misses = limit, now, 0
  settle()
  s.rate = quota
  lookLater()
end

if told > 0 and told ~= s.limit then
  news(told)
  -- What is sent in this second is rejected, and nobody knows when it ends.
  if fresh then s.rest = now + math.max(SECOND, WINDOW / quota) end
elseif s.limit == 0 and known > 0 then
  news(known)
end
settle()
if quota == 0 or not booking and count < 0 then
  return {quota, math.floor(s.rate * 1000), 0, s.accepted}
end
if s.rate == 0 or s.rate > quota then s.rate = quota end
s.accepted = s.accepted + tonumber(ARGV[7])

-- Without rejections a rate that was cut creeps up, twice as fast every 2 s.
if s.rate < quota then
  local growth = (0.02 + 0.004 * s.rate) * 2 ^ math.min((now - s.missed) / (2 * SECOND), 16)
  s.rate = math.min(quota, s.rate + growth * (now - s.at) / SECOND)
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
    s.misses, s.counted = s.misses + 1, now
    -- Others use the quota too: it is not the jitter of our own attempts, nor one
    -- burst. What they did in this second they need not do in the next.
    if s.rate < quota or s.misses >= 3 then
      s.rate = math.max(s.rate * (told > 0 and math.max(told / count, 0.5) or 0.9), 0.05)
    end
  end
  s.missed = now
  s.next = math.max(s.next, s.rest)
end

local wait = 0
if booking then
  -- The second after a silent one is free up to the quota. No window of a second
  -- holds more than that: each booking moves the next regular one away.
  if count >= 0 or not quiet or fresh and known > 0 then
    s.base, s.burst = now, quota
  elseif now - s.last >= WINDOW and now >= s.rest and s.rate >= quota then
    s.base, s.burst = now, 0
  end
  local due, step = math.max(now, s.next), WINDOW / s.rate
  if s.burst < quota and now - s.base < WINDOW then due = now end

  -- A quota that was raised rejects nothing. While all of it is used, one attempt
  -- more looks for that, in three seconds, for one second in seven has room
  -- anyway. Then the quota is guessed, until a rejection tells it.
  if s.next <= now then
    lookLater()
  elseif now >= s.look and s.rate >= quota and (set == 0 or quota < set) then
    if s.looks < 3 then
      s.looks, step = s.looks + 1, 0
    else
      s.limit = quota + math.ceil(quota / 2)
      settle()
      s.rate = quota
    end
    s.look = s.next + 1.5 * SECOND
  end

  s.next = math.max(s.next, due) + step
  s.last = math.max(s.last, due)
  s.burst = s.burst + 1
  wait = due - now
end

local values = {}
for _, name in ipairs(names) do
  values[#values + 1] = name
  values[#values + 1] = string.format('%.17g', s[name])
end
redis.call('HSET', KEYS[1], unpack(values))
redis.call('PEXPIRE', KEYS[1], ARGV[8])
return {quota, math.floor(s.rate * 1000), math.ceil(wait), s.accepted}
