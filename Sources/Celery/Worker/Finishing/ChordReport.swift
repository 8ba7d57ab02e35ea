internal import CeleryProtocol
internal import CeleryTransport

/// A part of a chord that is to be counted, and what is to follow when it is the last one.
struct ChordReport: Sendable {
    let part: ChordPart
    /// The chord's body as the messages of its header hold it; `nil` when that could not be read.
    let body: JSONValue?

    /// The ids of the tasks that the body is sent as, if they are settled.
    var bodyIDs: [String] {
        guard let body else { return [] }
        do {
            return try CanvasSuccession.expanded(chordBody: body, results: [], in: CanvasContext()).tasks.map(
                \.request.id)
        } catch {
            // Then it was never sent.
            return []
        }
    }
}

/// A chord that was complete, and what has become of it.
struct ChordEnding: Sendable {
    let report: ChordReport
    let claim: ChordClaim
    /// Whether a part of it has failed, so that its body will never run.
    let hasFailed: Bool
}
