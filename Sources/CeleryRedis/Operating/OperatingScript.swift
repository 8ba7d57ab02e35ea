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
