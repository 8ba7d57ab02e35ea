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
