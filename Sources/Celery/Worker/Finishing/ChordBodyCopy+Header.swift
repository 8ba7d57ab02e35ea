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
    /// The body of a chord with its messages marked, so that of those which two workers send one is run.
    func marked(as body: ChordClaim) -> CanvasExpansion {
        var marked = self
        for place in steps.indices {
            guard case .send(var task) = steps[place] else { continue }
            ChordBodyCopy(group: body.group, token: body.token, place: place).write(to: &task.request.headers)
            marked.steps[place] = .send(task)
        }
        return marked
    }
}
