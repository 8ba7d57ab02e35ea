extension RedisScript {
    /// Counts parts of one chord, and claims the chord if they are the last.
    ///
    /// Keys: the parts, the growth, the size, those that are counted, the group, the claim, what has run of the body.
    /// Arguments: 1 if parts are kept in the header's order, the lives of the chord and of the group in seconds or 0 for
    /// no end, that of a claim, the claim's token, then the id of each task, its place, and what is kept of it.
    ///
    /// Returns a number and what belongs to it: -1 for a chord that has ended; 0 when parts are missing; 1 when it is
    /// claimed, with 1 if all these parts had been counted before; 2 when it is somebody else's, with the milliseconds
    /// that are left to it.
    ///
    /// Parts of a chord that has ended are kept for a minute. Where a chord with settled ids is sent once more, Celery
    /// opens it anew just before the last message of its header: tasks that have ended by then would be missing for ever.
    ///
    /// Whoever claims a chord without a new part sends a body that may have been sent before; with a new one the chord is
    /// complete for the first time, and what ran of a former body is forgotten.
    ///
    /// A part is kept before it is noted as counted: if the second fails, the first is done again. A set holds no text
    /// twice, so a signature that stands in the header twice, with one id, and comes to the same gets a space behind it,
    /// which JSON allows.
    ///
    /// A size that is no whole number is an error: as 0 it would complete the chord before its time, and as none never.
    static let recordPartsSource = """
        local parts, growth, size, counted, group, claim, begun = unpack(KEYS)
        local hasEnded = redis.call('GET', claim) == 'done'
        local isOrdered, added = ARGV[1] == '1', 0
        for i = 6, #ARGV, 3 do
          local id, place, part = ARGV[i], ARGV[i + 1], ARGV[i + 2]
          local mark = id .. ':' .. place
          if redis.call('SISMEMBER', counted, mark) == 0 then
            if not isOrdered then redis.call('RPUSH', parts, part) end
            while isOrdered and redis.call('ZADD', parts, 'NX', place, part) == 0 do
              if tonumber(redis.call('ZSCORE', parts, part)) == tonumber(place) then break end
              part = part .. ' '
            end
            redis.call('SADD', counted, mark)
            added = added + 1
          end
        end
        if hasEnded then
          redis.call('EXPIRE', parts, 60)
          redis.call('EXPIRE', counted, 60)
          return {-1, 0}
        end
        local life, groupLife = tonumber(ARGV[2]), tonumber(ARGV[3])
        if life > 0 then
          for i = 1, 4 do redis.call('EXPIRE', KEYS[i], life) end
          if groupLife > 0 then redis.call('EXPIRE', group, groupLife) end
        end
        local total = 0
        for _, key in ipairs({size, growth}) do
          local text = redis.call('GET', key)
          if not text and key == size then return {0, 0} end
          if text and (#text > 15 or not string.find(text, '^%s*[+-]?%d+%s*$')) then
            return redis.error_reply('ERR the value of ' .. key .. ' is no whole number')
          end
          total = total + (text and tonumber(text) or 0)
        end
        local ready = isOrdered and redis.call('ZCARD', parts) or redis.call('LLEN', parts)
        if ready < total then return {0, 0} end
        if redis.call('SET', claim, ARGV[5], 'NX', 'EX', ARGV[4]) then
          if added == 0 then return {1, 1} end
          redis.call('DEL', begun)
          return {1, 0}
        end
        return {2, redis.call('PTTL', claim)}
        """

    /// Keeps a claim, or takes one that nobody has: it has expired, or parts are refused, so that nobody completes the chord.
    /// Keys: the claim, the size. Arguments: the token, the life in seconds. Returns 1 if it is held.
    static let extendClaimSource = """
        local holder = redis.call('GET', KEYS[1])
        if holder == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end
        if holder or redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
        return 1
        """

    /// Forgets a chord whose body was sent, but for that it was. Keys: the claim, then what is to be forgotten. Arguments:
    /// the token, for how many seconds the end is remembered. Returns 1 if the claim was held.
    static let endChordSource = """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2])
        redis.call('DEL', unpack(KEYS, 2))
        return 1
        """

    /// Says which copy of a message of a chord's body runs. Key: what has run of the body. Arguments: the message's place,
    /// the token of the claim that it was sent with, for how many seconds it is remembered. Returns 1 if it is this one.
    static let beginBodySource = """
        local first = redis.call('HGET', KEYS[1], ARGV[1])
        if first then return first == ARGV[2] and 1 or 0 end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        return 1
        """
}
