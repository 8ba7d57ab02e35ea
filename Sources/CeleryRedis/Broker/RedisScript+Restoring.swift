/// The scripts that put back what others have left behind.
extension RedisScript {
    /// Looks up what is held of the tags in a part of an index: tag, score and entry of each in turn. Forgets tags that
    /// somebody else has settled or restored.
    private static let collectSource =
        checkSource + """
            local function collect(index, range, from, to, first, count)
              local wrong = check(KEYS[1], 'hash') or check(KEYS[2], 'zset') or check(index, 'zset')
              if wrong then return wrong end
              local tags = redis.call(range, index, from, to, 'WITHSCORES', 'LIMIT', first, count)
              local found = {}
              for i = 1, #tags, 2 do
                local entry = redis.call('HGET', KEYS[1], tags[i])
                if entry and redis.call('ZSCORE', KEYS[2], tags[i]) then
                  found[#found + 1] = tags[i]
                  found[#found + 1] = tags[i + 1]
                  found[#found + 1] = entry
                else
                  redis.call('ZREM', index, tags[i])
                end
              end
              return found
            end

            """

    /// The held messages whose time is over, the last one first. Keys: unacked, unacked_index. Arguments: the score up
    /// to which it is over, how many to leave out, how many at most. Returns tag, score and entry of each in turn.
    static let overdueSource =
        collectSource + """
            return collect(KEYS[2], 'ZREVRANGEBYSCORE', ARGV[1], '-inf', ARGV[2], ARGV[3])
            """

    /// The messages whose eta is near, in its order. Keys: unacked, unacked_index, the etas. Arguments: the time, how
    /// many at most. Returns tag, time and entry of each in turn.
    static let dueSource =
        collectSource + """
            return collect(KEYS[3], 'ZRANGEBYSCORE', '-inf', ARGV[1], 0, ARGV[2])
            """

    /// Takes over what a consumer holds whose sign of life no longer changes. Key: the signs. Arguments: the consumer,
    /// the sign that was seen, the sign to put in its place. Returns 1, or 0 when it has changed.
    static let seizeSource =
        checkSource + """
            local wrong = check(KEYS[1], 'hash')
            if wrong then return wrong end
            if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
            redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
            return 1
            """

    /// Puts a held message back, if it is still held and there is still reason to. Keys: unacked, unacked_index, the
    /// etas, the signs, lists. Arguments: tag, `LPUSH` (last) or `RPUSH` (next), the message, then the reason: `held`
    /// (by this consumer), `overdue` and the highest score it may have, `due`, or `gone`, a consumer and its sign.
    /// Returns 1 or 0.
    ///
    /// It stays held when a push is refused. A server that is out of memory allows the pushes after the first removal.
    static let putBackSource =
        checkSource + """
            local wrong = check(KEYS[1], 'hash') or check(KEYS[2], 'zset') or check(KEYS[3], 'zset')
              or check(KEYS[4], 'hash')
            if wrong then return wrong end
            local tag, reason = ARGV[1], ARGV[4]
            local score = redis.call('ZSCORE', KEYS[2], tag)
            if not score then return 0 end
            if reason == 'overdue' and tonumber(score) > tonumber(ARGV[5]) then return 0 end
            if reason == 'due' and not redis.call('ZSCORE', KEYS[3], tag) then return 0 end
            if reason == 'gone' and (redis.call('HGET', KEYS[4], ARGV[5]) ~= ARGV[6]
              or redis.call('ZSCORE', KEYS[3], tag)) then return 0 end
            for k = 5, #KEYS do
              wrong = check(KEYS[k], 'list')
              if wrong then return wrong end
            end
            redis.call('ZREM', KEYS[2], tag)
            for k = 5, #KEYS do
              local pushed = redis.pcall(ARGV[2], KEYS[k], ARGV[3])
              if type(pushed) == 'table' then
                redis.call('ZADD', KEYS[2], score, tag)
                return pushed
              end
            end
            redis.call('HDEL', KEYS[1], tag)
            if reason ~= 'held' then redis.call('ZREM', KEYS[3], tag) end
            return 1
            """
}
