internal import CeleryTransport

/// The Lua scripts. A server is sent their digests once it has them.
enum RedisScript: Int, CaseIterable, Sendable {
    case claim, renew, park, overdue, due, seize, putBack, bury, storeResult, trial
    case recordParts, extendClaim, endChord, beginBody

    var source: String {
        switch self {
        case .claim: Self.claimSource
        case .renew: Self.renewSource
        case .park: Self.parkSource
        case .overdue: Self.overdueSource
        case .due: Self.dueSource
        case .seize: Self.seizeSource
        case .putBack: Self.putBackSource
        case .bury: Self.burySource
        case .storeResult: Self.storeResultSource
        case .trial: Self.trialSource
        case .recordParts: Self.recordPartsSource
        case .extendClaim: Self.extendClaimSource
        case .endChord: Self.endChordSource
        case .beginBody: Self.beginBodySource
        }
    }
}

// MARK: Held by this consumer

extension RedisScript {
    /// Moves messages from the queues to `unacked` and `unacked_index` in one step, so that none is lost between, and
    /// sees to whose turn it is to watch (``WatchTurn``).
    ///
    /// Keys: unacked, unacked_index, who waits for its turn, whose turn it is, then the lists in the order in which
    /// they are served. Arguments: how many at most, the score, the prefix of the tags, the number of the first tag,
    /// the consumer or nothing when it takes no turns, what the channels begin with, then for each list what closes the
    /// entry of `unacked`. The raw text is only concatenated, never decoded.
    ///
    /// Returns pairs of list number and raw text; the keys that are no lists; 1 if all lists were found empty; the consumer's role, the number of the turn, and how many wait for theirs.
    ///
    /// Nothing is undone when a script fails: what was popped is pushed back here if it cannot be held.
    private static let claimSource = """
        local left, number = tonumber(ARGV[1]), tonumber(ARGV[4])
        local scores, entries, found = {}, {}, {}
        local misfits = {}
        for k = 5, #KEYS do
          if left <= 0 then break end
          local popped = redis.pcall('RPOP', KEYS[k], left)
          if popped and popped.err then
            if not string.find(popped.err, 'WRONGTYPE', 1, true) then
              if #found == 0 then return popped end
              break
            end
            misfits[#misfits + 1] = KEYS[k]
          elseif popped then
            for i = 1, #popped do
              local tag = ARGV[3] .. number
              number = number + 1
              scores[#scores + 1] = ARGV[2]
              scores[#scores + 1] = tag
              entries[#entries + 1] = tag
              entries[#entries + 1] = '[' .. popped[i] .. ARGV[k + 2]
              found[#found + 1] = k - 5
              found[#found + 1] = popped[i]
            end
            left = left - #popped
          end
        end
        if #found > 0 then
          local key, held = KEYS[1], redis.pcall('HSET', KEYS[1], unpack(entries))
          if type(held) ~= 'table' then key, held = KEYS[2], redis.pcall('ZADD', KEYS[2], unpack(scores)) end
          if type(held) == 'table' then
            for i = #found, 1, -2 do redis.call('RPUSH', KEYS[found[i - 1] + 5], found[i]) end
            for i = 1, #entries, 2 do redis.pcall('HDEL', KEYS[1], entries[i]) end
            if not string.find(held.err, 'WRONGTYPE', 1, true) then return held end
            return redis.error_reply('WRONGTYPE ' .. key .. ' is of another type and cannot hold messages')
          end
        end
        local me, empty = ARGV[5], left > 0
        if me == '' then return {found, misfits, empty and 1 or 0, 0, 0, 0} end
        local ok, role, turn, waiting = pcall(function()
          local function channel(id) return ARGV[6] .. id end
          local function lives(id)
            return id == me or redis.call('PUBSUB', 'NUMSUB', channel(id))[2] > 0
          end
          local function longest()
            while true do
              local id = redis.call('ZPOPMIN', KEYS[3])[1]
              if not id or lives(id) then return id end
            end
          end
          local was = redis.call('HMGET', KEYS[4], 'first', 'second', 'number')
          local first, second = was[1], was[2]
          if first and not lives(first) then first = nil end
          if second and (second == first or not lives(second)) then second = nil end
          local function wait()
            local order = redis.call('HINCRBY', KEYS[4], 'order', 1)
            redis.call('ZADD', KEYS[3], 'NX', order, me)
          end
          local isAlone = false
          if me == first or me == second then
            local isFirst = me == first
            if not empty or #found > 0 then
              -- The turn goes on. A second that finds something takes it from a first that did not act.
              if not isFirst and not empty and #found == 0 then
                second = nil
              elseif isFirst and empty and not second and redis.call('ZCARD', KEYS[3]) == 0 then
                isAlone = true
              else
                if isFirst then first, second = second, nil else first, second = nil, nil end
                if empty then wait() else redis.call('ZREM', KEYS[3], me) end
                first = first or longest()
              end
            end
          elseif not first then
            redis.call('ZREM', KEYS[3], me)
            if empty then first = me else first = second or longest() end
            if second == first then second = nil end
          elseif not empty then
            redis.call('ZREM', KEYS[3], me)
          elseif not second then
            redis.call('ZREM', KEYS[3], me)
            second = me
          else
            wait()
          end
          if first and not second and not isAlone then second = longest() end
          local turn = tonumber(was[3]) or 0
          first, second = first or '', second or ''
          if first ~= (was[1] or '') or second ~= (was[2] or '') then
            local time = redis.call('TIME')
            turn = math.max(turn + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
            local text = string.format('%.0f', turn)
            redis.call('HSET', KEYS[4], 'first', first, 'second', second, 'number', text)
            if first ~= '' and first ~= me and first ~= was[1] then
              redis.call('PUBLISH', channel(first), (empty and 'first ' or 'claim ') .. text)
            end
            if second ~= '' and second ~= me and second ~= was[2] then
              redis.call('PUBLISH', channel(second), 'second ' .. text)
            end
          end
          local role = me == first and 1 or me == second and 2 or 0
          return role, turn, role == 0 and #found == 0 and redis.call('ZCARD', KEYS[3]) or 0
        end)
        -- The messages are claimed, whatever became of the turns: nobody waits for one then.
        if not ok then
          local why = type(role) == 'table' and role.err or tostring(role)
          if string.find(why, 'WRONGTYPE', 1, true) then
            local kind = redis.call('TYPE', KEYS[3]).ok
            local key = (kind == 'zset' or kind == 'none') and KEYS[4] or KEYS[3]
            why = 'WRONGTYPE ' .. key .. ' is of another type'
          end
          return {found, misfits, empty and 1 or 0, -1, 0, 0, why}
        end
        return {found, misfits, empty and 1 or 0, role, turn, waiting}
        """

    /// What the other scripts begin with: Redis does not say which key it is that is of another type than a command needs.
    static let checkSource = """
        local function check(key, kind)
          local found = redis.call('TYPE', key).ok
          if found ~= kind and found ~= 'none' then
            return redis.error_reply('WRONGTYPE ' .. key .. ' is of type ' .. found .. ', not ' .. kind)
          end
        end

        """

    /// Gives held messages new scores and notes a sign of life. Keys: unacked_index, the signs. Arguments: the
    /// consumer, its sign, the score, tags. Returns the sign that was there before, or nil, and the positions of the
    /// tags that are no longer there, the first being 1.
    ///
    /// XX: what somebody else has settled or restored must not come back. The command before it changes nothing, but a
    /// server that is out of memory lets a script go on that has begun to write with a command that takes none.
    private static let renewSource =
        checkSource + """
            local wrong = check(KEYS[1], 'zset') or check(KEYS[2], 'hash')
            if wrong then return wrong end
            redis.call('ZREM', KEYS[1], '')
            local before = redis.call('HGET', KEYS[2], ARGV[1])
            redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
            local gone, renewed = {}, {}
            if #ARGV > 3 then
              local scores = redis.call('ZMSCORE', KEYS[1], unpack(ARGV, 4))
              for i = 1, #scores do
                if scores[i] then
                  renewed[#renewed + 1] = ARGV[3]
                  renewed[#renewed + 1] = ARGV[i + 3]
                else
                  gone[#gone + 1] = i
                end
              end
              if #renewed > 0 then redis.call('ZADD', KEYS[1], 'XX', unpack(renewed)) end
            end
            return {before, gone}
            """

    /// Puts held messages aside until their etas. Keys: unacked_index, the etas. Arguments: the score, the time to
    /// bring it back at and the tag of each. Returns how many were no longer there.
    private static let parkSource =
        checkSource + """
            local wrong = check(KEYS[1], 'zset') or check(KEYS[2], 'zset')
            if wrong then return wrong end
            redis.call('ZREM', KEYS[1], '')
            local gone = 0
            for i = 1, #ARGV, 3 do
              if redis.call('ZSCORE', KEYS[1], ARGV[i + 2]) then
                redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 2])
                redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i + 2])
              else
                gone = gone + 1
              end
            end
            return gone
            """

    /// Moves messages that are held to a list of dead letters, as they are. Keys: unacked, unacked_index, the list.
    /// Arguments: the length of what closes the entry, tags. Returns how many were moved.
    ///
    /// An entry is the envelope in brackets with the queue behind it: the envelope is cut out, because it may not be
    /// JSON at all. It stays held when a push is refused.
    private static let burySource =
        checkSource + """
            local wrong = check(KEYS[1], 'hash') or check(KEYS[2], 'zset') or check(KEYS[3], 'list')
            if wrong then return wrong end
            local moved = 0
            for i = 2, #ARGV do
              local entry = redis.call('HGET', KEYS[1], ARGV[i])
              local score = redis.call('ZSCORE', KEYS[2], ARGV[i])
              if entry and score then
                redis.call('ZREM', KEYS[2], ARGV[i])
                local pushed = redis.pcall('LPUSH', KEYS[3], string.sub(entry, 2, -1 - tonumber(ARGV[1])))
                if type(pushed) == 'table' then
                  redis.call('ZADD', KEYS[2], score, ARGV[i])
                  return pushed
                end
                redis.call('HDEL', KEYS[1], ARGV[i])
                moved = moved + 1
              end
            end
            return moved
            """
}

// MARK: Results

extension RedisScript {
    /// Stores a result, unless SUCCESS is stored already, and announces it. Keys: the result's. Arguments: the result,
    /// its life in seconds or 0 for no end. Returns 1 or 0, or what Redis says against the announcement.
    private static let storeResultSource = """
        local stored = redis.pcall('GET', KEYS[1])
        if type(stored) == 'table' then
          if not string.find(stored.err, 'WRONGTYPE', 1, true) then return stored end
          return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' is of another type and cannot hold a result')
        end
        if stored and string.find(stored, '{"status": "SUCCESS"', 1, true) == 1 then return 0 end
        if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
        else redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1]) end
        local told = redis.pcall('PUBLISH', KEYS[1], ARGV[1])
        if type(told) == 'table' then return told.err end
        return 1
        """
}

// MARK: Rights

extension RedisScript {
    /// Tries commands, whose arguments are such that they change nothing. Key: what they are tried on. Arguments: each
    /// command with what follows the key. Returns each that fails and what Redis says against it.
    private static let trialSource = """
        local failures = {}
        for i = 1, #ARGV do
          local words = {}
          for word in string.gmatch(ARGV[i], '%S+') do words[#words + 1] = word end
          table.insert(words, 2, KEYS[1])
          local reply = redis.pcall(unpack(words))
          if type(reply) == 'table' and reply.err then
            failures[#failures + 1] = words[1]
            failures[#failures + 1] = reply.err
          end
        end
        return failures
        """
}
