internal import CeleryProtocol
internal import CeleryTransport

/// A part of a chord that is to be counted, and what is to follow when it is the last one.
struct ChordReport: Sendable {
    let part: ChordPart
    /// The chord's body as the messages of its header hold it; `nil` when that could not be read.
    let body: JSONValue?

    /// The id of the task that the body begins with, if it is settled.
    var bodyID: String? {
        guard let body else { return nil }
        do {
            return try CanvasSuccession.expanded(chordBody: body, results: [], in: CanvasContext()).tasks.first?
                .request.id
        } catch {
            // Then it was never sent.
            return nil
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
