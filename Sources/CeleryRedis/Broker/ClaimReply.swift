/// What the script of a claim returns, see ``RedisScript/claim``.
struct ClaimReply {
    /// Pairs of list number and raw text.
    let found: [RESPValue]
    /// The keys that are no lists.
    let misfits: [String]
    let areListsEmpty: Bool
    /// The consumer's role; `nil` when the turns cannot be seen to.
    let role: WatchTurn.Role?
    let turn: Int
    /// How many consumers wait for their turn.
    let waiting: Int
    /// Why the turns cannot be seen to.
    let turnReason: String

    /// `nil` for something else.
    init?(_ reply: RESPValue, limit: Int) {
        guard let parts = reply.array, parts.count >= 6, let found = parts[0].array, found.count % 2 == 0,
            found.count / 2 <= limit, let misfits = parts[1].array, let empty = parts[2].integer,
            let role = parts[3].integer, let turn = parts[4].integer, let waiting = parts[5].integer
        else { return nil }
        self.found = found
        self.misfits = misfits.compactMap(\.text)
        areListsEmpty = empty == 1
        self.role = WatchTurn.Role(rawValue: role)
        self.turn = turn
        self.waiting = max(0, min(waiting, 1_000_000))
        turnReason = parts.count > 6 ? parts[6].text ?? "" : ""
    }
}
