internal import CeleryProtocol

extension ControlCommand {
    /// `cancel_consumer`: the worker consumes a queue no longer. What it has taken from it is run; without any queue it idles.
    static let cancelConsumer = ControlCommand("cancel_consumer") { state, arguments in
        let name = try arguments.required("queue")
        try await state.intake.remove(name)
        return .ok(.string("no longer consuming from \(name)"))
    }
}
