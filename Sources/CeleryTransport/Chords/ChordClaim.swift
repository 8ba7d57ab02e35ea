/// The right to send a chord's body, which one worker has for a limited time.
public struct ChordClaim: Sendable, Hashable {
    /// The id of the header's group.
    public let group: String
    /// What this claim is told by from others.
    public let token: String
    /// Whether the part that completed the chord had been recorded before: somebody else may have sent the body and
    /// died before it could say so.
    public let isRepeated: Bool

    /// Makes a claim. For stores.
    public init(group: String, token: String, isRepeated: Bool) {
        self.group = group
        self.token = token
        self.isRepeated = isRepeated
    }
}
