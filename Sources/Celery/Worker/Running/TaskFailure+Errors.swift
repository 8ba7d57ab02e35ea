package import CeleryProtocol

extension TaskFailure {
    /// The failure that an error of Swift stands for: its type's name and module, its description.
    package init(_ error: any Error, request: TaskRequest) {
        if let failure = error as? TaskFailure {
            self = failure.traced(to: request)
            return
        }
        let name = Self.name(of: Swift.type(of: error))
        self.init(
            type: name.dropFirst().joined(separator: "."),
            // A module that Python cannot have imported: it makes up an exception class of the type's name.
            module: "swift.\(name[0])",
            message: "\(error)"
        )
        self = traced(to: request)
    }

    /// The failure with a text where Python has a traceback, which every failure that Python stores for a task that it ran
    /// has: one who looks at it finds out where it comes from.
    ///
    /// - Parameters:
    ///   - request: the task with whose end it came about.
    ///   - chord: the id of the chord's header, when it is the body of a chord that fails.
    func traced(to request: TaskRequest, chord: String? = nil) -> TaskFailure {
        if traceback != nil { return self }
        var place = "Swift task \(request.task)[\(request.id)]"
        if let chord { place = "chord of the group \(chord), completed by the \(place)" }
        return traced(to: place)
    }

    /// The same for what has failed at any other place.
    func traced(to place: String) -> TaskFailure {
        var failure = self
        failure.traceback = """
            Traceback (most recent call last):
              \(place)
            \(type): \(message)

            """
        return failure
    }

    /// The module, the outer types and the type. Swift names the context of a private or local type by an address in
    /// parentheses: that is left out, because it differs in every process.
    private static func name(of type: any Error.Type) -> [Substring] {
        var depth = 0
        let name = String(reflecting: type).filter { character in
            if character == "(" { depth += 1 }
            defer { if character == ")" { depth -= 1 } }
            return depth == 0
        }
        let parts = name.split(separator: ".")
        return parts.count > 1 ? parts : ["Swift", Substring(String(describing: type))]
    }

    static func maxRetriesExceeded(_ request: TaskRequest, _ payload: TaskPayload) -> TaskFailure {
        let args = PythonRepr.saferepr(arguments: payload.args)
        let kwargs = PythonRepr.saferepr(.object(payload.kwargs))
        return TaskFailure(
            type: "MaxRetriesExceededError", module: "celery.exceptions",
            message: "Can't retry \(request.task)[\(request.id)] args:\(args) kwargs:\(kwargs)")
    }

    /// What stands for the reason of a task that asks for another try without one.
    static func retry(of request: TaskRequest, after countdown: Duration) -> TaskFailure {
        let number = countdown.inSeconds
        let seconds = Int(exactly: number).map(String.init) ?? "\(number)"
        return TaskFailure(type: "Retry", module: "celery.exceptions", message: "Retry in \(seconds)s")
            .traced(to: request)
    }
}
