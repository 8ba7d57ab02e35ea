internal import CeleryTransport

/// A Lua script, sent by its digest once the server has it.
struct RedisScript: Sendable {
    let source: String

    /// Moves messages from the queues to `unacked` and `unacked_index` in one step, so that none is lost between.
    ///
    /// Keys: unacked, unacked_index, then the lists in the order in which they are served. Arguments: how many at
    /// most, the score, the prefix of the tags, the number of the first tag, then for each list what closes the entry
    /// of `unacked`. The raw text is only concatenated, never decoded. Returns pairs of list number and raw text.
    static let claim = RedisScript(
        source: """
            local left, number = tonumber(ARGV[1]), tonumber(ARGV[4])
            local scores, entries, found = {}, {}, {}
            for k = 3, #KEYS do
              if left <= 0 then break end
              local popped = redis.call('RPOP', KEYS[k], left)
              if popped then
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
              redis.call('ZADD', KEYS[2], unpack(scores))
              redis.call('HSET', KEYS[1], unpack(entries))
            end
            return found
            """)

    /// The held messages whose time is over. Keys: unacked, unacked_index. Arguments: the score up to which it is
    /// over, how many at most. Returns tags and entries in turn.
    static let overdue = RedisScript(
        source: """
            local tags = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
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
    static let putBack = RedisScript(
        source: """
            local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
            if not score or tonumber(score) > tonumber(ARGV[2]) then return 0 end
            redis.call('ZREM', KEYS[2], ARGV[1])
            redis.call('HDEL', KEYS[1], ARGV[1])
            for k = 3, #KEYS do redis.call(ARGV[3], KEYS[k], ARGV[4]) end
            return 1
            """)

    /// Stores a result, unless SUCCESS is stored already, and announces it. Keys: the result's. Arguments: the
    /// result, its life in seconds or 0 for no end. Returns 1 or 0.
    static let storeResult = RedisScript(
        source: """
            local stored = redis.call('GET', KEYS[1])
            if stored and string.find(stored, '{"status": "SUCCESS"', 1, true) == 1 then return 0 end
            if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
            else redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1]) end
            redis.call('PUBLISH', KEYS[1], ARGV[1])
            return 1
            """)
}

/// The scripts that a server has, by their digests.
struct LoadedScripts: Sendable {
    private let digests: [String: String]

    /// Sends all scripts to the server.
    init(on connection: RedisConnection) async throws {
        var digests: [String: String] = [:]
        for script in [RedisScript.claim, .overdue, .putBack, .storeResult] {
            let reply = try await connection.call(RedisPipeline("SCRIPT", "LOAD", script.source))
            guard let digest = reply.text else {
                throw TransportError(.rejected, "Redis does not take scripts: it answered \(reply)")
            }
            digests[script.source] = digest
        }
        self.digests = digests
    }

    /// Calls scripts and returns the last reply; an error of the server is thrown.
    static func call(_ pipeline: RedisPipeline, on connection: RedisConnection) async throws -> RESPValue {
        try await send(pipeline, on: connection).value()
    }

    /// Sends calls of scripts and returns all replies. A server that has lost the scripts, by SCRIPT FLUSH or because
    /// it is a new one, gets them again: what the digests stand for never changes.
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
        if case .error(let message) = reply { message.hasPrefix("NOSCRIPT") } else { false }
    }

    /// Starts the call of a script; so many keys and arguments are to be added.
    func begin(_ script: RedisScript, keys: Int, arguments: Int, in pipeline: inout RedisPipeline) {
        pipeline.begin(3 + keys + arguments)
        if let digest = digests[script.source] {
            pipeline.add("EVALSHA")
            pipeline.add(digest)
        } else {
            pipeline.add("EVAL")
            pipeline.add(script.source)
        }
        pipeline.add(String(keys))
    }
}
