internal import CeleryTransport

/// A Lua script, sent by its digest once the server has it.
struct RedisScript: Sendable {
    let source: String

    /// Moves messages from the queues to `unacked` and `unacked_index` in one step, so that none is lost between.
    ///
    /// Keys: unacked, unacked_index, then the lists in the order in which they are served. Arguments: how many at
    /// most, the score, the prefix of the tags, the number of the first tag, then for each list what closes the entry
    /// of `unacked`. The raw text is only concatenated, never decoded. Returns pairs of list number and raw text; after
    /// them, if keys are no lists, an array of how many and what Redis says.
    ///
    /// Nothing is undone when a script fails: what was popped is pushed back here if it cannot be held.
    static let claim = RedisScript(
        source: """
            local left, number = tonumber(ARGV[1]), tonumber(ARGV[4])
            local scores, entries, found = {}, {}, {}
            local misfits, reason = 0, nil
            for k = 3, #KEYS do
              if left <= 0 then break end
              local popped = redis.pcall('RPOP', KEYS[k], left)
              if popped and popped.err then
                if not string.find(popped.err, 'WRONGTYPE', 1, true) then
                  if #found == 0 then return popped end
                  break
                end
                misfits, reason = misfits + 1, popped.err
              elseif popped then
                for i = 1, #popped do
                  local tag = ARGV[3] .. number
                  number = number + 1
                  scores[#scores + 1] = ARGV[2]
                  scores[#scores + 1] = tag
                  entries[#entries + 1] = tag
                  entries[#entries + 1] = '[' .. popped[i] .. ARGV[k + 2]
                  found[#found + 1] = k - 3
                  found[#found + 1] = popped[i]
                end
                left = left - #popped
              end
            end
            if #found > 0 then
              local held = redis.pcall('HSET', KEYS[1], unpack(entries))
              if type(held) ~= 'table' then held = redis.pcall('ZADD', KEYS[2], unpack(scores)) end
              if type(held) == 'table' then
                for i = #found, 1, -2 do redis.call('RPUSH', KEYS[found[i - 1] + 3], found[i]) end
                for i = 1, #entries, 2 do redis.pcall('HDEL', KEYS[1], entries[i]) end
                return held
              end
            end
            if misfits > 0 then found[#found + 1] = {misfits, reason} end
            return found
            """)

    /// Gives held messages new scores. Key: unacked_index. Arguments: scores and tags in turn.
    ///
    /// XX: what somebody else has settled or restored must not come back. The command before it changes nothing, but a
    /// server that is out of memory lets a script go on that has begun to write with a command that takes none.
    static let renew = RedisScript(
        source: """
            redis.call('ZREM', KEYS[1], '')
            return redis.call('ZADD', KEYS[1], 'XX', unpack(ARGV))
            """)

    /// The held messages whose time is over, the last one first. Keys: unacked, unacked_index. Arguments: the score up
    /// to which it is over, how many to leave out, how many at most. Returns tags and entries in turn.
    static let overdue = RedisScript(
        source: """
            local tags = redis.call('ZREVRANGEBYSCORE', KEYS[2], ARGV[1], '-inf', 'LIMIT', ARGV[2], ARGV[3])
            local found = {}
            for i = 1, #tags do
              local entry = redis.call('HGET', KEYS[1], tags[i])
              if entry then
                found[#found + 1] = tags[i]
                found[#found + 1] = entry
              else
                redis.call('ZREM', KEYS[2], tags[i])
              end
            end
            return found
            """)

    /// Puts a held message back, if it is still held and its time still over. Keys: unacked, unacked_index, lists.
    /// Arguments: tag, the highest score it may have, `LPUSH` (last) or `RPUSH` (next), the message. Returns 1 or 0.
    ///
    /// It stays held when a push is refused. A server that is out of memory allows the pushes after the first removal.
    static let putBack = RedisScript(
        source: """
            local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
            if not score or tonumber(score) > tonumber(ARGV[2]) then return 0 end
            for k = 3, #KEYS do
              local kind = redis.call('TYPE', KEYS[k]).ok
              if kind ~= 'list' and kind ~= 'none' then
                return redis.error_reply('WRONGTYPE ' .. KEYS[k] .. ' is no list')
              end
            end
            redis.call('ZREM', KEYS[2], ARGV[1])
            for k = 3, #KEYS do
              local pushed = redis.pcall(ARGV[3], KEYS[k], ARGV[4])
              if type(pushed) == 'table' then
                redis.call('ZADD', KEYS[2], score, ARGV[1])
                return pushed
              end
            end
            redis.call('HDEL', KEYS[1], ARGV[1])
            return 1
            """)

    /// Stores a result, unless SUCCESS is stored already, and announces it if it may. Keys: the result's. Arguments:
    /// the result, its life in seconds or 0 for no end. Returns 1 or 0.
    static let storeResult = RedisScript(
        source: """
            local stored = redis.call('GET', KEYS[1])
            if stored and string.find(stored, '{"status": "SUCCESS"', 1, true) == 1 then return 0 end
            if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
            else redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1]) end
            redis.pcall('PUBLISH', KEYS[1], ARGV[1])
            return 1
            """)
}

/// The digests of the scripts that a server has. They never change: they stand for the scripts' texts.
struct LoadedScripts: Sendable {
    let claim: String
    let overdue: String
    let putBack: String
    let storeResult: String

    /// Sends all scripts to the server.
    init(on connection: RedisConnection) async throws {
        var pipeline = RedisPipeline()
        for script in [RedisScript.claim, .overdue, .putBack, .storeResult] {
            pipeline.append("SCRIPT", "LOAD", script.source)
        }
        let replies = try await connection.send(pipeline)
        let digests = replies.compactMap(\.text)
        guard digests.count == 4 else {
            let reason = replies.lazy.compactMap(\.refusal).first ?? "\(replies)"
            throw TransportError(.rejected, "Redis does not take scripts: \(reason)")
        }
        (claim, overdue, putBack, storeResult) = (digests[0], digests[1], digests[2], digests[3])
    }

    /// Sends calls of scripts and returns all replies. A server that has lost the scripts, by SCRIPT FLUSH or because
    /// it is a new one, gets them again.
    static func send(_ pipeline: RedisPipeline, on connection: RedisConnection) async throws -> [RESPValue] {
        // Several times, because the server may be told to forget them again in between.
        for _ in 0..<4 {
            let replies = try await connection.send(pipeline)
            guard replies.contains(where: isForgotten) else { return replies }
            _ = try await LoadedScripts(on: connection)
        }
        return try await connection.send(pipeline)
    }

    /// Whether the server says that it does not have the script.
    static func isForgotten(_ reply: RESPValue) -> Bool {
        reply.refusal.map { RefusalKind($0) == "NOSCRIPT" } ?? false
    }
}

extension RedisPipeline {
    /// Starts the call of the script with this digest; so many keys and arguments are to be added.
    mutating func begin(script digest: String, keys: Int, arguments: Int) {
        begin(3 + keys + arguments)
        add("EVALSHA")
        add(digest)
        add(String(keys))
    }
}
