/// What a connection thread waits for.
package struct PollRequest: Sendable {
    /// The socket; ignored when neither reading nor writing is wanted.
    package var descriptor: Int32
    /// Whether to wake when there is something to read.
    package var wantsRead: Bool
    /// Whether to wake when there is room for writing.
    package var wantsWrite: Bool
    /// When to wake at the latest; `nil` to wait without limit.
    package var deadline: ContinuousClock.Instant?

    package init(descriptor: Int32, wantsRead: Bool, wantsWrite: Bool, deadline: ContinuousClock.Instant?) {
        self.descriptor = descriptor
        self.wantsRead = wantsRead
        self.wantsWrite = wantsWrite
        self.deadline = deadline
    }

    /// Wait for a new job only.
    package static let nothing = PollRequest(descriptor: -1, wantsRead: false, wantsWrite: false, deadline: nil)
}
