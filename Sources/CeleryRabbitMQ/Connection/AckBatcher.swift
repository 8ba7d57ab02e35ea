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

    /// The tag of the first entry.
    private var first: UInt64 = 1
    private var states: Deque<State> = []
    /// Acknowledged since the last ``takeAcknowledgements()``.
    private var fresh: [UInt64] = []
    /// How many messages are held.
    private(set) var heldCount = 0

    /// Notes a delivery. `false` when its tag does not follow the one before, which no server may do.
    mutating func deliver(_ tag: UInt64) -> Bool {
        guard tag >= first, tag - first == UInt64(states.count) else { return false }
        states.append(.held)
        heldCount += 1
        return true
    }

    /// Notes an acknowledgement; ignored unless the message is held.
    mutating func acknowledge(_ tag: UInt64) {
        guard let position = position(ofHeld: tag) else { return }
        states[position] = .acknowledged
        heldCount -= 1
        fresh.append(tag)
    }

    /// Notes that a message is given back or dropped, which the caller must tell the server before it sends the next
    /// acknowledgements. `false` unless the message is held.
    mutating func reject(_ tag: UInt64) -> Bool {
        guard let position = position(ofHeld: tag) else { return false }
        states[position] = .settled
        heldCount -= 1
        return true
    }

    /// What to send for the acknowledgements noted since the last call.
    mutating func takeAcknowledgements() -> [Acknowledgement] {
        var last: UInt64?
        var count = 0
        while let state = states.first, state != .held {
            if state == .acknowledged {
                last = first
                count += 1
            }
            states.removeFirst()
            first += 1
        }
        var result: [Acknowledgement] = []
        if let last { result.append(Acknowledgement(tag: last, multiple: count > 1)) }
        for tag in fresh where tag >= first {
            states[Int(tag - first)] = .settled
            result.append(Acknowledgement(tag: tag, multiple: false))
        }
        fresh.removeAll(keepingCapacity: true)
        return result
    }

    private func position(ofHeld tag: UInt64) -> Int? {
        guard tag >= first, tag - first < UInt64(states.count) else { return nil }
        let position = Int(tag - first)
        return states[position] == .held ? position : nil
    }
}
