internal import CeleryProtocol
internal import CeleryTransport

/// A header of our own, which Python workers keep and do not obey.
extension ChordBodyCopy {
    private static let name = "swift_chord_body"

    /// What a message says of itself; `nil` when it is no chord's body, or was sent by a Python worker.
    init?(_ headers: JSONObject) {
        guard let fields = headers[Self.name]?.objectValue, let group = fields["group"]?.text,
            let token = fields["token"]?.text, let place = fields["place"]?.integerValue
        else { return nil }
        self.init(group: group, token: token, place: place)
    }

    func write(to headers: inout JSONObject) {
        headers[Self.name] = ["group": .string(group), "token": .string(token), "place": .integer(place)]
    }
}

extension CanvasExpansion {
    /// The body of a chord, or the errbacks of one that has failed, with the messages marked, so that of those which two
    /// workers send one is run.
    ///
    /// - Parameter place: the place of each step's message among all that are sent for the chord.
    func marked(as claim: ChordClaim, place: (Int) -> Int = { $0 }) -> CanvasExpansion {
        var marked = self
        for index in steps.indices {
            guard case .send(var task) = steps[index] else { continue }
            let copy = ChordBodyCopy(group: claim.group, token: claim.token, place: place(index))
            copy.write(to: &task.request.headers)
            marked.steps[index] = .send(task)
        }
        return marked
    }
}
