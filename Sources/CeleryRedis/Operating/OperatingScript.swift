/// The Lua scripts for operators, who call them now and then: a server is sent their texts.
enum OperatingScript {
    /// Deletes lists. Keys: the lists. Returns how many entries they had.
    static let purge =
        RedisScript.checkSource + """
            for k = 1, #KEYS do
              local wrong = check(KEYS[k], 'list')
              if wrong then return wrong end
            end
            local count = 0
            for k = 1, #KEYS do
              count = count + redis.call('LLEN', KEYS[k])
              redis.call('DEL', KEYS[k])
            end
            return count
            """

    /// Moves and deletes entries of a list of dead letters, each in one step. Keys: the list, those that entries go to.
    /// Arguments, for each: the entry, the number of the key that it goes to or 0 to delete it, how it stands there. Returns
    /// whether each was still there, up to the first that could not go, and what Redis says against that one.
    static let settle =
        RedisScript.checkSource + """
            for k = 1, #KEYS do
              local wrong = check(KEYS[k], 'list')
              if wrong then return wrong end
            end
            local done = {}
            for i = 1, #ARGV, 3 do
              local key = tonumber(ARGV[i + 1])
              if key > 0 then
                local pushed = redis.pcall('LPUSH', KEYS[key], ARGV[i + 2])
                if type(pushed) == 'table' then return {done, pushed.err} end
              end
              local count = redis.call('LREM', KEYS[1], -1, ARGV[i])
              if count == 0 and key > 0 then redis.call('LREM', KEYS[key], 1, ARGV[i + 2]) end
              done[#done + 1] = count
            end
            return {done}
            """

    /// The ends of what is held, where an entry says which queue it comes from: its envelope stays at the server. Key:
    /// unacked. Arguments: where the last call has ended or 0, how long an end is at most. Returns where this one has ended,
    /// and the ends.
    static let heldEnds =
        RedisScript.checkSource + """
            local wrong = check(KEYS[1], 'hash')
            if wrong then return wrong end
            local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
            local ends = {}
            for i = 2, #page[2], 2 do ends[#ends + 1] = string.sub(page[2][i], -tonumber(ARGV[2])) end
            return {page[1], ends}
            """
}

extension RedisPipeline {
    /// Starts the call of a script by its text; so many keys and arguments are to be added.
    mutating func begin(_ script: String, keys: Int, arguments: Int) {
        begin(3 + keys + arguments)
        add("EVAL")
        add(script)
        add(String(keys))
    }
}
