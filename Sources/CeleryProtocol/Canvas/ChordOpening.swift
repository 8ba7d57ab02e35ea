/// What a result store must know of a chord before its last message is sent.
package struct ChordOpening: Sendable, Hashable {
    /// The id of the header's group, by which its tasks report.
    package var group: String
    /// How many tasks report before the body is sent.
    package var size: Int
    /// The header's results, which a store without counting polls (`celery.chord_unlock`).
    package var header: ResultTree
    /// The body, as it stands in the messages of the header.
    package var body: CanvasNode
    /// Seconds between two looks of `celery.chord_unlock`, as the chord's option says; `nil` for the usual ones.
    package var interval: JSONValue?
    /// How often `celery.chord_unlock` looks, as the chord's option says; `nil` for no limit.
    package var maxRetries: JSONValue?
}
