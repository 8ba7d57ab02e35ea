internal import DequeModule

/// Decides how acknowledgements go to the server: one method for all messages up to a number where nothing below is
/// outstanding, single methods for the rest.
struct AckBatcher {
    struct Acknowledgement: Equatable {
        let tag: UInt64
        let multiple: Bool
    }

    private enum State {
        case held
        case acknowledged
        /// The server knows.
        case settled
    }

    private struct Entry {
        var state = State.held
        /// Which message it is; forgotten when it is rejected, because it may well come again then.
        var identity: MessageIdentity?
        let isRedelivered: Bool
        /// Which of the channel's consumers has delivered it.
        let consumer: UInt32
    }

    /// The tag of the first entry.
    private var first: UInt64 = 1
    private var entries: Deque<Entry> = []
    /// The messages that were acknowledged last, as many as the server may not have heard of.
    private var recent: Deque<MessageIdentity> = []
    /// Acknowledged since the last ``takeAcknowledgements()``.
    private var fresh: [UInt64] = []
    /// How many messages are held.
    private(set) var heldCount = 0

    /// Notes a delivery. `false` when its tag does not follow the one before, which no server may do.
    mutating func deliver(
        _ tag: UInt64, _ identity: MessageIdentity? = nil, isRedelivered: Bool = false, consumer: UInt32 = 0
    ) -> Bool {
        guard tag >= first, tag - first == UInt64(entries.count) else { return false }
        entries.append(Entry(identity: identity, isRedelivered: isRedelivered, consumer: consumer))
        heldCount += 1
        return true
    }

    /// Notes an acknowledgement; ignored unless the message is held.
    ///
    /// - Parameter limit: how many messages there may be at most of which the server has not heard that they are
    ///   acknowledged; so many are remembered.
    mutating func acknowledge(_ tag: UInt64, remembering limit: Int = 0) {
        guard let position = position(ofHeld: tag) else { return }
        entries[position].state = .acknowledged
        heldCount -= 1
        fresh.append(tag)
        if limit > 0, let identity = entries[position].identity {
            while recent.count >= limit { recent.removeFirst() }
            recent.append(identity)
        }
    }

    /// Takes out the messages of whose acknowledgement the server may not have heard.
    mutating func takeRecent() -> Deque<MessageIdentity> {
        defer { recent = [] }
        return recent
    }

    /// Whether the message is held: delivered, and neither acknowledged nor given back.
    func holds(_ tag: UInt64) -> Bool { position(ofHeld: tag) != nil }

    /// The message, if it is held and has come before.
    func redelivered(_ tag: UInt64) -> MessageIdentity? {
        guard let position = position(ofHeld: tag), entries[position].isRedelivered else { return nil }
        return entries[position].identity
    }

    /// Notes that a message is given back or dropped, which the caller must tell the server before it sends the next
    /// acknowledgements. `false` unless the message is held.
    mutating func reject(_ tag: UInt64) -> Bool {
        guard let position = position(ofHeld: tag) else { return false }
        entries[position].state = .settled
        entries[position].identity = nil
        heldCount -= 1
        return true
    }

    /// The messages that are held and that this consumer has delivered.
    func held(by consumer: UInt32) -> [UInt64] {
        entries.indices.lazy.filter { entries[$0].state == .held && entries[$0].consumer == consumer }
            .map { first + UInt64($0) }
    }

    /// How many acknowledgements wait to be sent.
    var waitingCount: Int { fresh.count }

    /// What to send for the acknowledgements noted since the last call.
    mutating func takeAcknowledgements() -> [Acknowledgement] {
        var last: UInt64?
        var count = 0
        while let state = entries.first?.state, state != .held {
            if state == .acknowledged {
                last = first
                count += 1
            }
            entries.removeFirst()
            first += 1
        }
        var result: [Acknowledgement] = []
        if let last { result.append(Acknowledgement(tag: last, multiple: count > 1)) }
        for tag in fresh where tag >= first {
            entries[Int(tag - first)].state = .settled
            result.append(Acknowledgement(tag: tag, multiple: false))
        }
        fresh.removeAll(keepingCapacity: true)
        return result
    }

    private func position(ofHeld tag: UInt64) -> Int? {
        guard tag >= first, tag - first < UInt64(entries.count) else { return nil }
        let position = Int(tag - first)
        return entries[position].state == .held ? position : nil
    }
}
