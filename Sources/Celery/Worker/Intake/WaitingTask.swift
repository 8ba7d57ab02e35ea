internal import CeleryTransport

/// A task that waits for its eta in this process, perhaps among thousands.
struct WaitingTask: Sendable {
    let message: HeldMessage
    /// Whether it is not counted while it waits.
    let isAside: Bool
    /// What was received; `nil` when only the tag is kept, so that the message has to come again.
    let packed: PackedTask?

    /// Whether more than the tag is kept.
    var isWhole: Bool { packed != nil }
}
