package import CeleryProtocol

extension TaskFailure {
    /// The failure that an error of Swift stands for: its type's name and module, its description.
    package init(_ error: any Error, request: TaskRequest) {
        if var failure = error as? TaskFailure {
            failure.traceback = failure.traceback ?? Self.traceback(failure, request)
            self = failure
            return
        }
        let name = Self.name(of: Swift.type(of: error))
        self.init(
            type: name.dropFirst().joined(separator: "."),
            // A module that Python cannot have imported: it makes up an exception class of the type's name.
            module: "swift.\(name[0])",
            message: "\(error)"
        )
        traceback = Self.traceback(self, request)
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

    /// What goes where a traceback goes when a task asks for another try without a reason.
    static func retryTraceback(_ request: TaskRequest, _ countdown: Duration) -> String {
        let number = countdown.inSeconds
        let seconds = Int(exactly: number).map(String.init) ?? "\(number)"
        let retry = TaskFailure(type: "Retry", module: "celery.exceptions", message: "Retry in \(seconds)s")
        return traceback(retry, request)
    }

    /// Python shows this text where a task's traceback goes.
    private static func traceback(_ failure: TaskFailure, _ request: TaskRequest) -> String {
        """
        Traceback (most recent call last):
          Swift task \(request.task)[\(request.id)]
        \(failure.type): \(failure.message)

        """
    }
}
