internal import DequeModule

/// Which publishes wait for the server's confirmation, by the numbers that the server counts them with.
struct ConfirmTracker<Token> {
    /// The number of the first entry.
    private var first: UInt64 = 1
    /// Those that wait, and `nil` for those that were confirmed out of order.
    private var entries: Deque<Token?> = []
    /// How many wait.
    private(set) var count = 0

    /// Notes a publish at the moment it is written.
    mutating func append(_ token: Token) {
        entries.append(token)
        count += 1
    }

    /// The tokens that a confirmation is for; none if the server names a number that does not wait.
    mutating func resolve(_ tag: UInt64, multiple: Bool) -> [Token] {
        guard tag >= first, tag - first < UInt64(entries.count) else { return [] }
        let position = Int(tag - first)
        var resolved: [Token] = []
        if multiple {
            resolved = entries.prefix(position + 1).compactMap { $0 }
            entries.removeFirst(position + 1)
            first = tag + 1
        } else if let token = entries[position] {
            resolved = [token]
            entries[position] = nil
        }
        while let entry = entries.first, entry == nil {
            entries.removeFirst()
            first += 1
        }
        count -= resolved.count
        return resolved
    }

    /// The one that has waited longest.
    var oldest: Token? { entries.first ?? nil }

    /// The first of those that wait, in the order they were written, that `matches`.
    func first(where matches: (Token) -> Bool) -> Token? {
        for case let token? in entries where matches(token) { return token }
        return nil
    }

    /// All that wait, oldest first; counting starts again, as on a new channel.
    mutating func removeAll() -> [Token] {
        let tokens = entries.compactMap { $0 }
        entries.removeAll()
        first = 1
        count = 0
        return tokens
    }
}
