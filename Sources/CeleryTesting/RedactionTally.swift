/// What a redaction has found in some messages.
package struct RedactionTally: Sendable {
    /// How many messages it was applied to.
    package private(set) var messages = 0
    /// How many of them could not be looked into, and were replaced as a whole.
    package private(set) var unreadable = 0
    private var found: Set<String> = []

    package init() {}

    mutating func begin() { messages += 1 }

    mutating func noteUnreadable() { unreadable += 1 }

    mutating func note(_ path: String) { found.insert(path) }

    /// Whether a path led to a value in any of them.
    package func hasFound(_ path: String) -> Bool { found.contains(path) }
}
