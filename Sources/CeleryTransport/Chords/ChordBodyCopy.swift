/// A message of a chord's body, or an errback's of a chord that has failed, told from the same message that somebody else has
/// sent.
///
/// A worker may die after it has sent a body and before it could say so, or be taken for dead: then another one sends the
/// body too. Of these copies one runs.
public struct ChordBodyCopy: Sendable, Hashable {
    /// The id of the header's group.
    public let group: String
    /// The token of the claim that its sender had.
    public let token: String
    /// Its place among the messages of the body; a negative one among those to errbacks.
    public let place: Int

    /// Makes the description of a message.
    public init(group: String, token: String, place: Int) {
        self.group = group
        self.token = token
        self.place = place
    }
}
