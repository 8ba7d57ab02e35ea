/// Whose turn it is to watch the lists of a set of queues.
///
/// A push wakes whoever has read the list before: if all idle consumers had, it would wake all of them. So one of them
/// watches, the first, and claims what comes; the claim hands the turn to the one after it, as a blocking pop does
/// that wakes whoever has waited longest. The second watches the first: it is woken by the same push, and when nobody
/// has claimed after a moment it does, because the first is gone or stopped. The others wait until they are told, on a
/// channel of their own. Who has the turn stands in Redis, where the script of the claim moves it on.
struct WatchTurn: Sendable, Equatable {
    enum Role: Int, Sendable {
        case none = 0, first, second
    }

    /// What a consumer is told by the one whose claim moved the turn on.
    struct Order: Sendable, Equatable {
        let role: Role
        /// Whether there may be messages, so that it is better to claim than to look.
        let mustClaim: Bool
        /// Grows from turn to turn.
        let number: Int

        init(role: Role, mustClaim: Bool, number: Int) {
            (self.role, self.mustClaim, self.number) = (role, mustClaim, number)
        }

        /// Reads what the script of the claim sends; `nil` for something else.
        init?(_ text: String) {
            let words = text.split(separator: " ")
            guard words.count == 2, let number = Int(words[1]) else { return nil }
            switch words[0] {
            case "first": self.init(role: .first, mustClaim: false, number: number)
            case "claim": self.init(role: .first, mustClaim: true, number: number)
            case "second": self.init(role: .second, mustClaim: false, number: number)
            default: return nil
            }
        }
    }

    /// What is to be done.
    enum Action: Sendable, Equatable {
        case nothing
        /// Read the lists, so that the next push is announced.
        case watch
        case claim
        /// Claim after a moment, unless the turn has moved on by then.
        case claimLater
    }

    private(set) var role = Role.none
    private var number = 0
    /// The role in which a push was heard of since the lists were last read.
    private var heardAs: Role?

    /// Another consumer's claim has given this one a role.
    mutating func hear(_ order: Order) -> Action {
        // What this one's own claim was told later counts more.
        guard order.number > number else { return .nothing }
        (role, number) = (order.role, order.number)
        return order.mustClaim ? .claim : .watch
    }

    /// What this one's own claim was told.
    mutating func claimed(_ role: Role, number: Int) {
        guard number >= self.number else { return }
        (self.role, self.number) = (role, number)
    }

    /// Something was pushed to a list.
    mutating func pushed() -> Action {
        heardAs = role
        return whenThereIsSomething
    }

    /// The lists are about to be read, so that the next push is announced.
    mutating func beginReading() { heardAs = nil }

    /// The lists were read.
    ///
    /// A push may be heard of before the answer is, on the other connection. Whoever was the second then has put its
    /// claim off; if the answer makes it the first, it is the one who claims.
    func read(isEmpty: Bool) -> Action {
        let hasMissedPush = heardAs.map { $0 != role } ?? false
        return isEmpty && !hasMissedPush ? .nothing : whenThereIsSomething
    }

    private var whenThereIsSomething: Action {
        switch role {
        case .none: .nothing
        case .first: .claim
        case .second: .claimLater
        }
    }

    /// For how many seconds one of so many who wait leaves it to the others to find out whether nobody watches: not for
    /// longer than some seconds, because all the others may have been killed with the watchers.
    static func patience(amongWaiting count: Int) -> Double { min(max(2, Double(count)), 10) }

    /// There is another connection: nothing is announced any more over it, and orders may have been missed.
    mutating func startAgain() { role = .none }
}
